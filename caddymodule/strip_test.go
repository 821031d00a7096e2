package caddymodule

import (
	"bytes"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/identity"
)

// overrides are spellings of all fields with which a request can name another path.
var overrides = []string{
	"X-Original-Url", "X-Original-Uri", "X-Rewrite-Url", "X-Forwarded-Uri", "X-Script-Name", "X-Forwarded-Script-Name", "X-Forwarded-Prefix",
	"X-Traversal-Path", "X-Vhm-Root", "x_vhm_root", "Script-Name", "SCRIPT_NAME", "X_Original_Url", "x.forwarded.uri", "X_FORWARDED_PREFIX",
}

// serveFrom serves a request that comes from a proxy that Caddy trusts, or from a client.
func serveFrom(tb testing.TB, g *gateTest, trusted bool, r *http.Request) *http.Request {
	tb.Helper()
	var upstream *http.Request
	r, _ = prepare(nil, r)
	caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, trusted)
	w := discard{}
	if err := g.gate.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		upstream = r
		return nil
	})); err != nil {
		tb.Errorf("ServeHTTP: %v", err)
	}
	return upstream
}

// discard is a response writer that discards the answer.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

// Attack: GET /healthz with X-Original-URL: /admin, or GET /assets/admin with SCRIPT_NAME:
// /assets. It needs no token here, and is /admin for the upstream. Or DELETE /x with
// X-Rewrite-URL: /v1/auth/session ends the upstream's session, and every token stays valid.
// Clients do not send such fields.
func TestFieldsThatNameAnotherPathOfClientsAreDeleted(t *testing.T) {
	g := newGate(t, "HS256", Gate{Public: []string{"/assets/*"}, Identity: &identity.Config{Preset: "authelia"}})
	deep := strings.Repeat("/a", 64) + strings.Repeat("/..", 64) + defaultEndpoint
	for _, name := range overrides {
		for _, c := range []struct{ method, path, value, token string }{
			{http.MethodGet, "/assets/admin", "/assets", ""},
			{http.MethodGet, "/assets/a", "/admin", ""},
			{http.MethodDelete, "/orders/1", defaultEndpoint, g.mint(t, nil)},
			{http.MethodDelete, "/orders/1", deep, g.mint(t, nil)},
			{http.MethodGet, "/orders", "/orders", g.mint(t, nil)},
		} {
			r := request(c.method, c.path, c.token, "")
			r.Header[name] = []string{c.value, c.value}
			upstream := serveFrom(t, g, false, r)
			if upstream == nil {
				t.Errorf("%s %s with %s was refused", c.method, c.path, name)
			} else if _, left := upstream.Header[name]; left {
				t.Errorf("%s %s: %s reached the upstream", c.method, c.path, name)
			}
		}
	}
}

// A trusted proxy reports its rewrites in these fields. public and the gate's own paths
// then apply to both paths.
func TestFieldsThatNameAnotherPathOfTrustedProxiesStay(t *testing.T) {
	g := newGate(t, "HS256", Gate{
		Public: []string{"/assets/*"}, TokenEndpoint: tokenEndpoints(tokenPath), SessionsEndpoint: sessionsPath,
	})
	token := g.mint(t, nil)
	for _, name := range overrides {
		r := request(http.MethodGet, "/orders", token, "")
		r.Header[name] = []string{"/api/orders"}
		if upstream := serveFrom(t, g, true, r); upstream == nil || len(upstream.Header[name]) != 1 {
			t.Errorf("%s of a trusted proxy did not reach the upstream", name)
		}
		if strings.Contains(strings.ToLower(name), "vhm") {
			continue // package paths tests the result
		}
		isPrefix := strings.Contains(strings.ToLower(name), "script") || strings.Contains(strings.ToLower(name), "prefix") || strings.Contains(name, "Traversal")
		for _, c := range []struct{ method, path, address, prefix, token string }{
			{http.MethodGet, "/assets/admin", "/admin", "/assets", ""},
			{http.MethodDelete, "/x" + defaultEndpoint, defaultEndpoint, "/x", token},
			{http.MethodDelete, "/x/v1/auth/./sessions", sessionsPath, "/x", token},
			{http.MethodDelete, "/x/v1/auth/sessions/a", sessionsPath + "/a", "/x/", token},
			{http.MethodPost, "/x" + tokenPath, tokenPath, "/x", token},
			{http.MethodPost, tokenPath, "/admin", "/oauth", ""},
			{http.MethodGet, tokenPath, "/admin", "/oauth", ""},
		} {
			r := request(c.method, c.path, c.token, "")
			if r.Header[name] = []string{c.address}; isPrefix {
				r.Header[name] = []string{c.prefix}
			}
			if serveFrom(t, g, true, r) != nil {
				t.Errorf("%s %s with %s: %s reached the upstream", c.method, c.path, name, r.Header[name])
			}
		}
	}
}

// The gate logs once for each field that it deletes such fields, and what to do if the
// operator's proxy sends it. Attack: one request triggers the warning for all fields.
func TestTheGateWarnsOnceOfEachDeletedField(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	var log bytes.Buffer
	g.gate.logger = slog.New(slog.NewTextHandler(&log, nil))
	for range 3 {
		for _, name := range []string{"X-Original-Url", "X-Forwarded-Prefix", "X_Forwarded_Prefix"} {
			r := request(http.MethodGet, "/", g.mint(t, nil), "")
			r.Header[name] = []string{"/app"}
			serveFrom(t, g, false, r)
		}
	}
	text := log.String()
	if strings.Count(text, "trusted_proxies") != 2 || !strings.Contains(text, "X-Forwarded-Prefix") || strings.Contains(text, "/app") {
		t.Errorf("the log is %q", text)
	}
}

// The gate would never find a credential in a field that it deletes.
func TestATokenIsNotLookedForInAFieldThatIsDeleted(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	for _, name := range overrides {
		config := Gate{Token: &TokenSource{Header: name}}
		if err := config.provision(g.app, g.gate.logger); err == nil || !strings.Contains(err.Error(), "use another header") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// Attack: Connection: Authorization, so that the upstream gets another request than the
// gate has checked.
func TestConnectionDoesNotNameTheCredential(t *testing.T) {
	for _, config := range []*identity.Config{nil, {Preset: "authelia"}} {
		for _, test := range []struct {
			source     TokenSource
			sent, want string
		}{
			{TokenSource{Header: "Authorization"}, "close, authorization", "close"},
			{TokenSource{Header: "Authorization"}, "Authorization", ""},
			{TokenSource{Header: "Authorization"}, "Cookie", "Cookie"},
			{TokenSource{Header: "X-Token"}, "x-token, Authorization", "Authorization"},
			{TokenSource{Cookie: "session"}, "COOKIE, te", "te"},
			{TokenSource{Header: "Authorization", Cookie: "session"}, "Cookie,Authorization,keep-alive", "keep-alive"},
			{TokenSource{Header: "Authorization"}, " keep-alive ,", " keep-alive ,"},
		} {
			gate := newGate(t, "HS256", Gate{Token: &test.source, Identity: config}).gate
			r := &http.Request{Header: http.Header{"Connection": {test.sent}}}
			gate.strip(r)
			if got := r.Header.Get("Connection"); got != test.want {
				t.Errorf("Connection: %q became %q, want %q", test.sent, got, test.want)
			}
		}
	}
}

// Attack: one request combines every way to tell the upstream who the user is with an
// upgrade that bypasses the gate.
func TestTheGateStripsIdentityAndUpgrades(t *testing.T) {
	g := newGate(t, "HS256", Gate{Identity: &identity.Config{Preset: "authelia"}}).gate
	r := &http.Request{
		Header: http.Header{
			"Remote_user": {"root"}, "Connection": {"Upgrade, Remote-User"}, "Upgrade": {"h2c"}, "Http2-Settings": {"AAMAAABkAAQAAP__"},
			"Accept": {"*/*"},
		},
		Trailer: http.Header{"Remote-User": nil},
	}
	g.strip(r)
	if want := (http.Header{"Connection": {"Upgrade"}, "Accept": {"*/*"}}); !maps.EqualFunc(r.Header, want, slices.Equal) || r.Trailer != nil {
		t.Errorf("the upstream gets %v and the trailers %v, want %v and none", r.Header, r.Trailer, want)
	}
}

func TestStrippingAnOrdinaryRequestAllocatesNothing(t *testing.T) {
	g := newGate(t, "HS256", Gate{Identity: &identity.Config{Preset: "pomerium"}}).gate
	r := &http.Request{Header: http.Header{"Connection": {"keep-alive, Upgrade"}, "Accept": {"*/*"}, "X-Request-Id": {"1"}}}
	if n := testing.AllocsPerRun(100, func() { g.strip(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
