// Package callertest helps to test packages that serve paths of the gate. It has a gate
// without Caddy, with its own keys, its own hub, and a store in memory.
package callertest

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/credential"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/hub/hubtest"
	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
)

// These are the times of a Gate.
const (
	Retention = 24 * time.Hour
	Leeway    = 30 * time.Second
)

// Route serves a request, or reports that the request is guarded like any other request.
// next is the upstream.
type Route func(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) (served bool, err error)

// Gate asks its routes by path, and admits every other request by its token.
type Gate struct {
	// Key signs the tokens of the one issuer, tokentest.Issuer.
	Key      *tokentest.Key
	Verifier *token.Verifier
	Hub      *hub.Hub
	// Events records the events that subscribers of the hub receive.
	Events *hubtest.Events
	// Store is the hub's store, with hooks in its calls.
	Store *hubtest.Hooked
	// Reader looks for credentials in Authorization, and in the cookie "session".
	Reader *caller.Reader
	// Log is what was logged to Logger, as text.
	Log    *strings.Builder
	Logger *slog.Logger
	// Routes are asked for requests to their paths.
	Routes map[string]Route
	// Below are asked for requests to paths below theirs.
	Below map[string]Route
}

// New returns a gate that accepts tokens of an algorithm of tokentest.NewKey, after the first
// sync with its store. It is closed with the test. The changes are made to the options of
// its issuer.
func New(tb testing.TB, algorithm string, changes ...func(*token.IssuerOptions)) *Gate {
	tb.Helper()
	g := &Gate{
		Key: tokentest.NewKey(tb, algorithm, ""), Events: new(hubtest.Events), Store: &hubtest.Hooked{Backend: memstore.New(nil)},
		Log: new(strings.Builder), Routes: make(map[string]Route), Below: make(map[string]Route),
	}
	g.Logger = slog.New(slog.NewTextHandler(g.Log, nil))
	issuer := token.IssuerOptions{Issuer: tokentest.Issuer, Audiences: []string{tokentest.Audience}, Keys: keysOf(tb, g.Key)}
	for _, change := range changes {
		change(&issuer)
	}
	var err error
	if g.Verifier, err = token.NewVerifier(token.Options{
		Namespace: "orders", Leeway: Leeway, Issuers: []token.IssuerOptions{issuer},
	}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(g.Verifier.Close)
	g.Hub = hub.New(hub.Options{Namespace: "orders", Events: g.Events})
	tb.Cleanup(func() {
		if err := g.Hub.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	o := replica.Options{Retention: Retention, Margin: hub.Margin, Leeway: Leeway, Skew: store.ClockSkew}
	if err := g.Hub.Open(hub.Settings{Options: o}, func(*slog.Logger) (store.Backend, error) { return g.Store, nil }); err != nil {
		tb.Fatal(err)
	}
	_, set := g.Hub.Store()
	<-set.Synced()
	g.Reader = caller.New(caller.Options{
		Credential: credential.NewExtractor(credential.Places{Header: "Authorization", Cookie: "session"}), Verifier: g.Verifier, Hub: g.Hub,
		Logger: g.Logger,
	})
	return g
}

// keysOf returns a source that verifies the signatures of a key. A key without a signer
// gets a secret.
func keysOf(tb testing.TB, key *tokentest.Key) (source keys.Source) {
	tb.Helper()
	var err error
	if key.Signer == nil {
		key.Secret = []byte(strings.Repeat("s3cret", 8))
		source, err = keys.NewHMAC(key.Secret)
	} else {
		source, err = keys.NewPEM(key.PublicPEM(tb))
	}
	if err != nil {
		tb.Fatal(err)
	}
	return source
}

// Fence makes the gate lose its lease. It then refuses requests that it cannot check.
func (g *Gate) Fence() {
	_, set := g.Hub.Store()
	set.Close()
}

// Mint returns a token with changed claims (tokentest.Claims).
func (g *Gate) Mint(tb testing.TB, changes map[string]any) string {
	tb.Helper()
	return tokentest.Mint(tb, g.Key, tokentest.Claims(time.Now(), changes))
}

// Of returns a token of a session, with a token id of the same name.
func (g *Gate) Of(tb testing.TB, session string) string {
	tb.Helper()
	return g.Mint(tb, map[string]any{"sid": session, "jti": session})
}

// Keys returns the names by which a token can be revoked.
func (g *Gate) Keys(tb testing.TB, raw string) *store.Keys {
	tb.Helper()
	t, err := g.Verifier.Verify(raw, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	return &t.Keys
}

// Revoke revokes something of the issuer, with all that belongs to it. value is a session id,
// a token id, a subject, or empty for the issuer itself; notBefore counts for the last two.
func (g *Gate) Revoke(tb testing.TB, kind store.Kind, value string, notBefore int64) {
	tb.Helper()
	if err := g.Hub.Revoke(tb.Context(), hub.Cause{}, store.Revocation{
		Kind: kind, Key: g.Hub.Key(kind, tokentest.Issuer, value), NotBefore: notBefore, Expires: g.Hub.Expires(time.Now()),
	}); err != nil {
		tb.Fatal(err)
	}
}

// RevokeOwn revokes the session of a token, or a token that names no session.
func (g *Gate) RevokeOwn(tb testing.TB, raw string) {
	tb.Helper()
	keys := g.Keys(tb, raw)
	r := store.Revocation{Kind: store.KindSession, Key: keys.Session, Expires: g.Hub.Expires(time.Now())}
	if keys.Session.IsZero() {
		r.Kind, r.Key = store.KindToken, keys.Token
	}
	if err := g.Hub.Revoke(tb.Context(), hub.Cause{}, r); err != nil {
		tb.Fatal(err)
	}
}

// Refuse is a reply.Refuse that keeps no reason.
func Refuse(w http.ResponseWriter, r *http.Request, deny *reply.Denial) error {
	return deny.Write(w, r)
}

// Request returns a request with a token in Authorization and a JSON body. An empty token
// or body is left out.
func Request(method, target, token, body string) *http.Request {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, content)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

// Fields sets header fields by name and value; an empty value sets none.
func Fields(r *http.Request, namesAndValues ...string) *http.Request {
	for pair := range slices.Chunk(namesAndValues, 2) {
		if pair[1] != "" {
			r.Header.Set(pair[0], pair[1])
		}
	}
	return r
}

// ServeHTTP serves a request, in front of an upstream. Like a real gate it panics with
// http.ErrAbortHandler if a running request was cut.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request, upstream http.HandlerFunc) error {
	if route := g.routeOf(r.URL.Path); route != nil {
		if served, err := route(w, r, upstream); served {
			return err
		}
	}
	now := time.Now()
	t, _, deny := g.Reader.Read(r, &now)
	if deny != nil {
		return deny.Write(w, r)
	}
	running, verdict := g.Hub.Enter(w, r, &t.Keys, 0, now)
	if deny := g.Reader.Deny(t, verdict, now); deny != nil {
		return deny.Write(w, r)
	}
	defer hub.Leave(running)
	g.Reader.Note(t, now)
	upstream(w, r)
	return nil
}

func (g *Gate) routeOf(path string) Route {
	if route := g.Routes[path]; route != nil {
		return route
	}
	for folder, route := range g.Below {
		if strings.HasPrefix(path, folder+"/") {
			return route
		}
	}
	return nil
}

// Answer is the gate's answer to a request.
type Answer struct {
	*httptest.ResponseRecorder
	// Upstream is the request as the upstream saw it, nil if it did not.
	Upstream *http.Request
	// Abandoned reports whether the request was cut while it was served.
	Abandoned bool
}

// Serve sends a request through the gate, to an upstream that answers 200.
func (g *Gate) Serve(tb testing.TB, r *http.Request) (a Answer) {
	tb.Helper()
	a.ResponseRecorder = httptest.NewRecorder()
	defer func() {
		cause := recover()
		if a.Abandoned = cause == http.ErrAbortHandler; cause != nil && !a.Abandoned {
			panic(cause)
		}
	}()
	if err := g.ServeHTTP(a.ResponseRecorder, r, func(_ http.ResponseWriter, r *http.Request) { a.Upstream = r }); err != nil {
		tb.Errorf("ServeHTTP: %v", err)
	}
	return a
}

// Get requests a path with a token. An empty token is left out.
func (g *Gate) Get(tb testing.TB, path, token string) Answer {
	tb.Helper()
	return g.Serve(tb, Request(http.MethodGet, path, token, ""))
}

// Want fails the test unless the answer has a status, and a body that contains a text. A
// 200 with an empty text must reach the upstream; other requests must not.
func (a Answer) Want(tb testing.TB, status int, body string) {
	tb.Helper()
	if a.Code != status || !strings.Contains(a.Body.String(), body) {
		tb.Errorf("answered %d %s, want %d with %s", a.Code, a.Body, status, body)
	}
	if admitted := a.Upstream != nil; admitted != (status == http.StatusOK && body == "") {
		tb.Errorf("reached the upstream: %t", admitted)
	}
}
