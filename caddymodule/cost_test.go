//go:build cost

package caddymodule

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/costtest"
	"github.com/sessiongate/sessiongate/store"
)

// The bounds of a refusal: a constant for every request, and a small multiple of its
// length. A byte is scanned once for each of several readings, by loops with one iteration
// for each byte. The paths that a trusted proxy names are read for each of the gate's own
// paths.
const (
	scannedOnce, scannedPerByte = 8 << 10, 32
	scannedPerByteOfProxies     = 96
	hashedOnce, hashedPerByte   = 1 << 10, 2
	mostCalls                   = 2
	fewestShapes                = 40
)

// callCounter counts the calls of the store that a request waits for.
type callCounter struct {
	store.Backend
	store.Grants
	calls *atomic.Int64
}

func (c callCounter) Owner(ctx context.Context, issuer, id string) (string, error) {
	c.calls.Add(1)
	return c.Backend.Owner(ctx, issuer, id)
}

func (c callCounter) Of(ctx context.Context, issuer, subject string) ([]store.Session, error) {
	c.calls.Add(1)
	return c.Backend.Of(ctx, issuer, subject)
}

func (c callCounter) Append(ctx context.Context, revocations ...store.Revocation) (store.Position, error) {
	c.calls.Add(1)
	return c.Backend.Append(ctx, revocations...)
}

func (c callCounter) Known(ctx context.Context, names ...store.Key) ([]store.Grant, error) {
	c.calls.Add(1)
	return c.Grants.Known(ctx, names...)
}

func (c callCounter) Learn(ctx context.Context, grants ...store.Grant) error {
	c.calls.Add(1)
	return c.Grants.Learn(ctx, grants...)
}

func (c callCounter) Members(ctx context.Context, session store.Key) ([]store.Key, error) {
	c.calls.Add(1)
	return c.Grants.Members(ctx, session)
}

// lengthOf is how many bytes a request has.
func lengthOf(r *http.Request, body string) (length int64) {
	length = int64(len(r.Method) + len(r.RequestURI) + len(body))
	for name, values := range r.Header {
		for _, value := range values {
			length += int64(len(name) + len(value) + len(": \r\n"))
		}
	}
	return length
}

// Attack: a request that is cheap to send and expensive to refuse. It has a path, a field,
// a cookie, a token or a body that the gate reads repeatedly, or for which it often asks
// the store.
func TestCostOfARefusal(t *testing.T) {
	calls := new(atomic.Int64)
	g := newGateOn(t, "ES256", costlyGate(), func(opened store.Backend) store.Backend {
		return callCounter{opened, opened.(store.Grants), calls}
	})
	shapes := hostileShapes(t, g)
	if len(shapes) < fewestShapes {
		t.Errorf("%d shapes, want %d at least", len(shapes), fewestShapes)
	}
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	for _, shape := range shapes {
		r := httptest.NewRequest(shape.method, "/", strings.NewReader(shape.body))
		r.URL, r.RequestURI = target(t, shape.target), shape.target
		for name, values := range shape.header {
			r.Header[name] = values
		}
		w := httptest.NewRecorder()
		length := lengthOf(r, shape.body)
		r, _ = prepare(w, r)
		caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, shape.trusted)
		calls.Store(0)
		costtest.Take()
		if err := g.gate.ServeHTTP(w, r, next); err != nil {
			t.Errorf("%s: %v", shape.name, err)
		}
		scanned, hashed := costtest.Take()
		t.Logf("cost: %-40s %6d bytes, answered %d, scanned %8d, hashed %6d, %d calls of the store",
			shape.name, length, w.Code, scanned, hashed, calls.Load())
		perByte := int64(scannedPerByte)
		if shape.trusted {
			perByte = scannedPerByteOfProxies
		}
		if scanned > scannedOnce+perByte*length || hashed > hashedOnce+hashedPerByte*length || calls.Load() > mostCalls {
			t.Errorf("%s: a refusal costs too much", shape.name)
		}
		if scanned == 0 {
			t.Errorf("%s: nothing was counted", shape.name)
		}
	}
}
