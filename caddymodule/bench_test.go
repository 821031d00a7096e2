package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/identity"
)

// everythingOn is a gate with every option that costs an ordinary request time.
func everythingOn() Gate {
	return Gate{
		Token:      &TokenSource{Header: "Authorization", Cookie: "session"},
		Public:     []string{"/healthz", "/assets/*"},
		Identity:   &identity.Config{Preset: "authelia"},
		Claims:     []string{"email", "groups"},
		CORS:       []string{"https://app.example.com"},
		AdminScope: "sessions:revoke",
		StripToken: true,
	}
}

// fullClaims are the claims of a token of a usual size.
func fullClaims() map[string]any {
	return map[string]any{
		"email": "alice@example.com", "name": "Alice Example", "groups": []string{"staff", "ops", "oncall"},
		"scope": "openid profile email", "azp": "legacy-app", "acr": "1", "auth_time": 1_790_000_000,
		"preferred_username": "alice", "email_verified": true,
	}
}

// apiClient holds the fields that a program sends beside its token. With the identity
// fields they are eight: Go's maps hold no more without another allocation, which would not
// be the gate's.
var apiClient = map[string]string{
	"Accept":          "application/json",
	"Accept-Encoding": "gzip",
	"User-Agent":      "orders/1.7",
	"X-Request-Id":    "4f1c2a9e",
}

// browser holds the fields that a browser sends. With them, the map has to grow.
var browser = map[string]string{
	"Accept": "*/*", "Accept-Encoding": "gzip, deflate, br, zstd", "Accept-Language": "en",
	"Cookie": "theme=dark; consent=1", "Dnt": "1", "Priority": "u=1", "Referer": "https://app.example.com/orders",
	"Sec-Ch-Ua": `"Chromium";v="156"`, "Sec-Ch-Ua-Mobile": "?0", "Sec-Fetch-Dest": "empty",
	"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)",
}

// requests are prepared outside the measured time.
type requests struct {
	header   map[string]string
	prepared []*http.Request
	next     int
}

func (q *requests) refill(token func() string) {
	q.prepared, q.next = q.prepared[:0], 0
	for range 128 {
		r := httptest.NewRequest(http.MethodGet, "/orders/17?page=2", nil)
		for field, value := range q.header {
			r.Header.Set(field, value)
		}
		r.Header.Set("Authorization", "Bearer "+token())
		r, _ = prepare(nil, r)
		q.prepared = append(q.prepared, r)
	}
}

// runWarm measures ServeHTTP around a next handler that does nothing, with one request that
// is restored in place. As when Caddy passes a request on, its parts are in the CPU's
// caches. The figure is an upper bound: it includes removing the identity, and restoring
// the token and the replacer.
func runWarm(b *testing.B, g *gateTest, token string) {
	b.ReportAllocs()
	q := requests{header: apiClient}
	q.refill(func() string { return token })
	r := q.prepared[0]
	authorization := r.Header["Authorization"]
	replacer := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	pristine := *replacer
	admitted, served := 0, 0
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		admitted++
		return nil
	})
	w := httptest.NewRecorder()
	var owned []string
	for name := range g.gate.identity.All() {
		owned = append(owned, name)
	}
	for b.Loop() {
		for _, name := range owned {
			delete(r.Header, name)
		}
		r.Header["Authorization"] = authorization
		*replacer = pristine
		_ = g.gate.ServeHTTP(w, r, next)
		served++
	}
	if admitted != served {
		b.Fatalf("%d of %d requests were admitted", admitted, served)
	}
}

// run measures ServeHTTP around a next handler that does nothing, with requests that were
// prepared earlier.
func run(b *testing.B, g *gateTest, header map[string]string, token func() string) {
	b.ReportAllocs()
	admitted := 0
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		admitted++
		return nil
	})
	q := requests{header: header}
	q.refill(token)
	w := httptest.NewRecorder()
	served := 0
	for b.Loop() {
		if q.next == len(q.prepared) {
			b.StopTimer()
			q.refill(token)
			b.StartTimer()
		}
		_ = g.gate.ServeHTTP(w, q.prepared[q.next], next)
		q.next++
		served++
	}
	if admitted != served {
		b.Fatalf("%d of %d requests were admitted", admitted, served)
	}
}

// algorithms are all algorithms that an issuer may use.
var algorithms = []string{
	"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
}

// BenchmarkServeHTTP measures what the gate adds to an ordinary request:
//
//   - "cached": a token that was seen before, with all options
//   - "bare": the same without options
//   - "identity": the same with one identity header
//   - "browser": all options and the fields of a browser, with cold CPU caches and a map
//     that has to grow
//   - "new": a token that has to be verified, with all options, and with cold CPU caches,
//     too
//
// "yardstick" is one call of time.Now, 53 ns on the machine on which the targets were set.
// Use multiples of it to compare machines.
func BenchmarkServeHTTP(b *testing.B) {
	b.Run("yardstick", func(b *testing.B) {
		for b.Loop() {
			_ = time.Now()
		}
	})
	b.Run("bare/HS256", func(b *testing.B) {
		g, token := cached(b, "HS256", Gate{})
		runWarm(b, g, token)
	})
	b.Run("identity/HS256", func(b *testing.B) {
		g, token := cached(b, "HS256", Gate{Identity: &identity.Config{Headers: map[string]string{"X-User": "sub"}}})
		runWarm(b, g, token)
	})
	for _, algorithm := range algorithms {
		b.Run("cached/"+algorithm, func(b *testing.B) {
			g, token := cached(b, algorithm, everythingOn())
			runWarm(b, g, token)
		})
	}
	b.Run("browser/HS256", func(b *testing.B) {
		g, token := cached(b, "HS256", everythingOn())
		run(b, g, browser, func() string { return token })
	})
	for _, algorithm := range algorithms {
		b.Run("new/"+algorithm, func(b *testing.B) { benchmarkNew(b, algorithm) })
	}
}

// cached returns a gate and a token that its cache knows.
func cached(tb testing.TB, algorithm string, config Gate) (*gateTest, string) {
	tb.Helper()
	g := newGate(tb, algorithm, config)
	token := g.mint(tb, fullClaims())
	g.get(tb, "/", token).want(tb, http.StatusOK, "")
	awaitCached(tb, g, token)
	return g, token
}

// awaitCached waits until the cache returns the same verified token twice. The cache stores
// a token with a delay.
func awaitCached(tb testing.TB, g *gateTest, raw string) {
	for range 1_000_000 {
		first, err := g.app.verifier.Verify(raw, time.Now())
		if err != nil {
			tb.Fatal(err)
		}
		if second, _ := g.app.verifier.Verify(raw, time.Now()); first == second {
			return
		}
		runtime.Gosched()
	}
	tb.Fatal("the cache does not keep the token")
}

// benchmarkNew serves a new token with each request, signed outside the measured time.
func benchmarkNew(b *testing.B, algorithm string) {
	g := newGate(b, algorithm, everythingOn())
	i := 0
	run(b, g, apiClient, func() string {
		i++
		claims := fullClaims()
		claims["jti"] = strconv.Itoa(i)
		return g.mint(b, claims)
	})
}

// A request with a token that was seen before must cost no allocation of the gate, with all
// options. Header values are cut from blocks: 256 values share one allocation.
func TestACachedTokenCostsNoAllocation(t *testing.T) {
	g, token := cached(t, "ES256", everythingOn())
	q := requests{header: apiClient}
	q.refill(func() string { return token })
	w := httptest.NewRecorder()
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	if n := testing.AllocsPerRun(len(q.prepared)-1, func() {
		_ = g.gate.ServeHTTP(w, q.prepared[q.next], next)
		q.next++
	}); n != 0 {
		t.Errorf("a request allocates %v times", n)
	}
	if user := q.prepared[0].Header.Get("Remote-User"); user != "alice" {
		t.Errorf("the upstream got the user %q, want alice", user)
	}
}
