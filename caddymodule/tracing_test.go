package caddymodule

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/sessiongate/sessiongate/caddymodule/metrics"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// recordedSpan is a span that keeps its attributes, unless it is ignored.
type recordedSpan struct {
	noop.Span
	ignored    bool
	attributes map[string]string
}

func (s *recordedSpan) IsRecording() bool { return !s.ignored }

func (s *recordedSpan) SetAttributes(attributes ...attribute.KeyValue) {
	for _, a := range attributes {
		s.attributes[string(a.Key)] = a.Value.String()
	}
}

// serveTraced sends a request inside a span, and returns its attributes without their prefix.
func (g *gateTest) serveTraced(t *testing.T, r *http.Request, span *recordedSpan) string {
	t.Helper()
	span.attributes = make(map[string]string)
	g.serve(t, r.WithContext(trace.ContextWithSpan(r.Context(), span)))
	return strings.ReplaceAll(fmt.Sprint(span.attributes), "session_gate.", "")
}

func TestTheSpanOfARequestSaysWhatBecameOfIt(t *testing.T) {
	g := newGate(t, "HS256", Gate{Public: []string{"/open"}, TokenEndpoint: []TokenEndpoint{{Path: "/oauth/token"}}})
	anyone := newGate(t, "HS256", Gate{Optional: true})
	g.app.traced.Store(true)
	anyone.app.traced.Store(true)
	good, revoked := g.mint(t, map[string]any{"sid": "canary-session"}), g.mint(t, map[string]any{"sid": "canary-revoked"})
	forged := tokentest.Mint(t, &tokentest.Key{Algorithm: "HS256", Secret: []byte(refusalSecret)}, tokentest.Claims(time.Now(), nil))
	get := func(path, token string) *http.Request { return request(http.MethodGet, path, token, "") }
	with := func(r *http.Request, fields ...string) *http.Request {
		for i := 0; i < len(fields); i += 2 {
			r.Header.Add(fields[i], fields[i+1])
		}
		return r
	}
	const issuer = " issuer:" + tokentest.Issuer + " outcome:"
	for _, c := range []struct {
		name    string
		gate    *gateTest
		request func() *http.Request
		want    string
	}{
		{"the first with a token", g, func() *http.Request { return get("/", good) }, "cache:miss" + issuer + "admitted"},
		{"a public path", g, func() *http.Request { return get("/open", good) }, "outcome:public"},
		{"a preflight", g, func() *http.Request {
			return with(request(http.MethodOptions, "/", "", ""), "Origin", "https://a.example", "Access-Control-Request-Method", "GET")
		}, "outcome:preflight"},
		{"a preflight of the endpoint", g, func() *http.Request {
			return with(request(http.MethodOptions, defaultEndpoint, "", ""), "Origin", "https://a.example", "Access-Control-Request-Method", "DELETE")
		}, "outcome:preflight"},
		{"a login", g, func() *http.Request { return request(http.MethodPost, "/oauth/token", "", "{}") }, "outcome:own"},
		{"without a token", g, func() *http.Request { return get("/", "") }, "outcome:missing reason:missing"},
		{"without a token, where it is optional", anyone, func() *http.Request { return get("/", "") }, "outcome:optional"},
		{"two tokens", g, func() *http.Request { return with(get("/", good), "Authorization", "Bearer "+good) }, "outcome:several reason:several"},
		{"a forged token", g, func() *http.Request { return get("/", forged) }, "cache:miss" + issuer + "invalid reason:invalid"},
		{"CONNECT", g, func() *http.Request { return request(http.MethodConnect, "/", good, "") }, "outcome:method reason:method"},
		{"another spelling of the endpoint", g, func() *http.Request { return request(http.MethodDelete, "/v1/auth/session/", good, "") }, "outcome:path reason:path"},
		{"the first with another token", g, func() *http.Request { return get("/", revoked) }, "cache:miss" + issuer + "admitted"},
		{"an ignored span", g, func() *http.Request { return get("/", good) }, ""},
	} {
		if got, want := c.gate.serveTraced(t, c.request(), &recordedSpan{ignored: c.want == ""}), "map["+c.want+"]"; got != want {
			t.Errorf("%s: the span has %s, want %s", c.name, got, want)
		}
	}
	for _, token := range []string{good, revoked} {
		await(t, "the token is cached", func() bool { return g.app.verifier.Lookup(token) != nil })
	}
	for _, c := range []struct {
		request *http.Request
		want    string
	}{
		{get("/", good), "admitted"},
		{request(http.MethodDelete, defaultEndpoint, revoked, ""), "own"},
		{get("/", revoked), "revoked reason:revoked"},
	} {
		if got, want := g.serveTraced(t, c.request, new(recordedSpan)), "map[cache:hit"+issuer+c.want+"]"; got != want {
			t.Errorf("once more: the span has %s, want %s", got, want)
		}
	}
	// Without the handler tracing, nobody looks for a span.
	g.app.traced.Store(false)
	if got := g.serveTraced(t, get("/", good), new(recordedSpan)); got != "map[]" {
		t.Errorf("without tracing, the span has %s", got)
	}
}

// A request whose span is not recorded, because it is not sampled, costs no allocation either.
func TestASpanThatIsNotRecordedCostsNothing(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	g.app.traced.Store(true)
	r := request(http.MethodGet, "/", "", "")
	r = r.WithContext(trace.ContextWithSpan(context.Background(), &recordedSpan{ignored: true}))
	if n := testing.AllocsPerRun(100, func() {
		g.gate.settle(r, metrics.Public)
		traceToken(r, true, tokentest.Issuer)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
