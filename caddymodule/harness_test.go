package caddymodule

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/stores"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// gateTest is a gate with an app on a store in memory, and the keys of its
// issuer.
type gateTest struct {
	gate *Gate
	app  *App
	key  *tokentest.Key
	// wrap adds hooks to the calls of the store, unless it is nil.
	wrap func(store.Backend) store.Backend
}

// wrappedStore is a store in memory whose calls go through hooks of a test.
type wrappedStore struct {
	stores.Memory
	wrap func(store.Backend) store.Backend
}

func (s *wrappedStore) Open(logger *slog.Logger, leeway time.Duration) (store.Backend, error) {
	opened, err := s.Memory.Open(logger, leeway)
	if err != nil {
		return nil, err
	}
	return s.wrap(opened), nil
}

// setOf returns the replica of an app whose store is open.
func setOf(app *App) *replica.Replica {
	_, set := app.hub.Store()
	return set
}

// provisionApp provisions an app from JSON, and cleans it up with the test.
func provisionApp(tb testing.TB, config any) *App {
	tb.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	tb.Cleanup(cancel)
	app := new(App)
	decode(tb, config, app)
	tb.Cleanup(func() {
		if err := app.Cleanup(); err != nil {
			tb.Errorf("Cleanup: %v", err)
		}
	})
	if err := app.provision(ctx, slog.New(slog.DiscardHandler)); err != nil {
		tb.Fatalf("Provision: %v", err)
	}
	return app
}

// newGate returns a gate that accepts tokens of an algorithm, with the
// configuration given, and starts it; it waits for the first sync.
func newGate(tb testing.TB, algorithm string, config Gate) *gateTest {
	tb.Helper()
	return newGateOn(tb, algorithm, config, nil)
}

// newGateOn is newGate with a wrap for the calls of the store, and with changes of the issuer.
func newGateOn(tb testing.TB, algorithm string, config Gate, wrap func(store.Backend) store.Backend, changes ...func(*Issuer)) *gateTest {
	tb.Helper()
	test := &gateTest{key: tokentest.NewKey(tb, algorithm, ""), wrap: wrap}
	issuer := &Issuer{Issuer: tokentest.Issuer, Audience: []string{tokentest.Audience}}
	if test.key.Signer == nil {
		test.key.Secret = []byte(strings.Repeat("s3cret", 8))
		issuer.HMACSecret = []string{string(test.key.Secret)}
	} else {
		file := filepath.Join(tb.TempDir(), "key.pem")
		if err := os.WriteFile(file, test.key.PublicPEM(tb), 0o600); err != nil {
			tb.Fatal(err)
		}
		issuer.PublicKey = []string{file}
	}
	for _, change := range changes {
		change(issuer)
	}
	test.start(tb, config, issuer)
	return test
}

// start starts a gate with an app that trusts these issuers, and waits for the
// first sync.
func (g *gateTest) start(tb testing.TB, config Gate, issuers ...*Issuer) {
	tb.Helper()
	g.app = provisionApp(tb, &App{Issuer: issuers, StoreRaw: json.RawMessage(`{"store": "memory"}`)})
	g.gate = &config
	if err := g.gate.provision(g.app, slog.New(slog.DiscardHandler)); err != nil {
		tb.Fatalf("provisioning the gate: %v", err)
	}
	if g.wrap != nil {
		g.app.module = &wrappedStore{wrap: g.wrap}
	}
	if err := g.app.Start(); err != nil {
		tb.Fatalf("Start: %v", err)
	}
	<-setOf(g.app).Synced()
}

// reload provisions the gate again, with the present state of its app.
func (g *gateTest) reload(tb testing.TB, logger *slog.Logger) {
	tb.Helper()
	fresh := new(Gate)
	decode(tb, g.gate, fresh)
	if err := fresh.provision(g.app, logger); err != nil {
		tb.Fatalf("provisioning the gate: %v", err)
	}
	g.gate = fresh
}

func decode(tb testing.TB, from, to any) {
	tb.Helper()
	text, err := json.Marshal(from)
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(text, to); err != nil {
		tb.Fatal(err)
	}
}

// mint returns a token with changed claims.
func (g *gateTest) mint(tb testing.TB, changes map[string]any) string {
	tb.Helper()
	return tokentest.Mint(tb, g.key, tokentest.Claims(time.Now(), changes))
}

// prepare prepares a request as Caddy's server would.
func prepare(w http.ResponseWriter, r *http.Request) (*http.Request, *caddy.Replacer) {
	replacer := caddy.NewReplacer()
	return caddyhttp.PrepareRequest(r, replacer, w, new(caddyhttp.Server)), replacer
}

// answer is the result of a request to a gate.
type answer struct {
	*httptest.ResponseRecorder
	// upstream is the request as the next handler saw it, nil if it did not.
	upstream *http.Request
	replacer *caddy.Replacer
	// abandoned reports whether the request was cut: the server ends its connection, or its
	// stream, without an end of the answer.
	abandoned bool
}

// serve sends a request through the gate. Like net/http's server it reads
// http.ErrAbortHandler as an abandoned answer.
func (g *gateTest) serve(tb testing.TB, r *http.Request) (a answer) {
	tb.Helper()
	a.ResponseRecorder = httptest.NewRecorder()
	defer func() {
		cause := recover()
		if a.abandoned = cause == http.ErrAbortHandler; cause != nil && !a.abandoned {
			panic(cause)
		}
	}()
	r, a.replacer = prepare(a.ResponseRecorder, r)
	next := caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		a.upstream = r
		return nil
	})
	if err := g.gate.ServeHTTP(a.ResponseRecorder, r, next); err != nil {
		tb.Errorf("ServeHTTP: %v", err)
	}
	return a
}

// get asks for a path with a token, "" for none.
func (g *gateTest) get(tb testing.TB, path, token string) answer {
	tb.Helper()
	return g.serve(tb, request(http.MethodGet, path, token, ""))
}

// end sends a DELETE of a session; an empty body is left out.
func (g *gateTest) end(tb testing.TB, token, body string) answer {
	tb.Helper()
	return g.serve(tb, request(http.MethodDelete, defaultEndpoint, token, body))
}

func request(method, path, token, body string) *http.Request {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, path, reader)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

func (a answer) want(tb testing.TB, status int, body string) {
	tb.Helper()
	if a.Code != status || !strings.Contains(a.Body.String(), body) {
		tb.Errorf("answered %d %s, want %d with %s", a.Code, a.Body, status, body)
	}
	if admitted := a.upstream != nil; admitted != (status == http.StatusOK && body == "") {
		tb.Errorf("reached the upstream: %t", admitted)
	}
}

func (a answer) wantReason(tb testing.TB, want string) {
	tb.Helper()
	if reason, _ := a.replacer.GetString(reasonKey); reason != want {
		tb.Errorf("the reason is %q, want %q", reason, want)
	}
}

// await polls until a condition holds.
func await(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("waiting in vain: %s", what)
		}
	}
}
