package caddymodule

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/metrics/metricstest"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// gather reads the metrics of the registry of an app.
func gather(tb testing.TB, app *App) metricstest.Values {
	tb.Helper()
	return metricstest.Gather(tb, app.ctx.GetMetricsRegistry())
}

// counted returns by how much each outcome of requests has grown.
func counted(tb testing.TB, app *App, before metricstest.Values) map[string]float64 {
	tb.Helper()
	outcomes := make(map[string]float64)
	for key, n := range gather(tb, app).Since(before) {
		var outcome string
		if _, err := fmt.Sscanf(key, "requests_total{outcome=%q}", &outcome); err == nil {
			outcomes[outcome] = n
		}
	}
	return outcomes
}

// everyRequest are requests to a gate with everything, and the outcome of each.
func everyRequest(tb testing.TB, g *gateTest) map[string]func() *http.Request {
	admitted := g.mint(tb, nil)
	expired := g.mint(tb, map[string]any{"iat": time.Now().Add(-2 * time.Hour).Unix(), "exp": time.Now().Add(-time.Hour).Unix()})
	revoked := g.of(tb, "ended")
	g.end(tb, revoked, "").want(tb, http.StatusOK, "invalidated")
	preflight := func(path string) *http.Request {
		r := request(http.MethodOptions, path, "", "")
		r.Header.Set("Origin", "https://app.example.com")
		r.Header.Set("Access-Control-Request-Method", "DELETE")
		return r
	}
	two := func() *http.Request {
		r := request(http.MethodGet, "/", admitted, "")
		r.Header.Add("Authorization", "Bearer x")
		return r
	}
	crossSite := func() *http.Request {
		r := request(http.MethodDelete, defaultEndpoint, "", "")
		r.Header.Set("Cookie", "session="+admitted)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		return r
	}
	get := func(path, token string) func() *http.Request {
		return func() *http.Request { return request(http.MethodGet, path, token, "") }
	}
	end := func(token, body string) func() *http.Request {
		return func() *http.Request { return request(http.MethodDelete, defaultEndpoint, token, body) }
	}
	return map[string]func() *http.Request{
		"admitted":       get("/", admitted),
		"admitted /own":  get(defaultEndpoint, admitted),
		"public":         get("/healthz", ""),
		"preflight":      func() *http.Request { return preflight("/") },
		"preflight /own": func() *http.Request { return preflight(defaultEndpoint) },
		"own /list":      get("/v1/auth/sessions", admitted),
		"own /404":       end(revoked, ""),
		"own /400":       end(admitted, "{"),
		"missing /own":   end("", ""),
		"revoked /other": end(revoked, `{"session_id":"x"}`),
		"method":         func() *http.Request { return request("CONNECT", "/", admitted, "") },
		"method /own":    func() *http.Request { return request("delete", defaultEndpoint, admitted, "") },
		"path":           func() *http.Request { return request(http.MethodDelete, defaultEndpoint+"/", admitted, "") },
		"cross_site":     crossSite,
		"missing":        get("/", ""),
		"malformed":      get("/", "x"),
		"several":        two,
		"invalid":        get("/", admitted[:len(admitted)-4]+"AAAA"),
		"expired":        get("/", expired),
		"revoked":        get("/", revoked),
		"malformed /token": func() *http.Request {
			return request(http.MethodPost, "/oauth/token?grant_type=a&grant_type=b", "", "")
		},
		"malformed /logout":    get("/v1/auth/logout", "x"),
		"own /logout":          func() *http.Request { return request(http.MethodPost, "/v1/auth/logout", "", "") },
		"own /token preflight": get("/oauth/token", ""),
	}
}

func countedGate(tb testing.TB) *gateTest {
	config := everythingOn()
	config.SessionsEndpoint, config.BackchannelLogout, config.TokenEndpoint = "/v1/auth/sessions", "/v1/auth/logout", tokenEndpoints("/oauth/token")
	return newGate(tb, "HS256", config)
}

// Each request counts once, by what became of it.
func TestEachRequestHasOneOutcome(t *testing.T) {
	g := countedGate(t)
	for name, ask := range everyRequest(t, g) {
		var outcome string
		fmt.Sscan(name, &outcome)
		before := gather(t, g.app)
		a := g.serve(t, ask())
		if got := counted(t, g.app, before); !maps.Equal(got, map[string]float64{outcome: 1}) {
			t.Errorf("%s: answered %d and counted %v", name, a.Code, got)
		}
	}
}

// Fault: a request is counted twice, or not at all, because one handler calls another.
func TestTheSumOfAllOutcomesIsTheNumberOfRequests(t *testing.T) {
	g := countedGate(t)
	asks := everyRequest(t, g)
	before := gather(t, g.app)
	const requests = 2000
	for range requests {
		skip := rand.IntN(len(asks))
		for _, ask := range asks {
			if skip--; skip < 0 {
				g.serve(t, ask())
				break
			}
		}
	}
	if n := gather(t, g.app).Sum("requests_total") - before.Sum("requests_total"); n != requests {
		t.Errorf("counted %v requests, want %d", n, requests)
	}
}

// Requests that pass without a token where it is optional, and those of a gate that cannot tell.
func TestOptionalAndUnavailableRequestsAreCounted(t *testing.T) {
	g := newGate(t, "HS256", Gate{Optional: true})
	token := g.mint(t, nil)
	g.get(t, "/", token).want(t, http.StatusOK, "")
	before := gather(t, g.app)
	g.get(t, "/", "").want(t, http.StatusOK, "")
	setOf(g.app).Close()
	g.get(t, "/", token).want(t, http.StatusServiceUnavailable, "temporarily_unavailable")
	if got := counted(t, g.app, before); !maps.Equal(got, map[string]float64{"optional": 1, "unavailable": 1}) {
		t.Errorf("counted %v", got)
	}
	if values := gather(t, g.app); values["fenced"] != 1 {
		t.Errorf("fenced is %v", values["fenced"])
	}
}

// Tokens are counted by what the verifier did, revocations by who made them.
func TestWorkIsCounted(t *testing.T) {
	g, token := cached(t, "HS256", Gate{})
	before := gather(t, g.app)
	g.get(t, "/", token).want(t, http.StatusOK, "")
	g.get(t, "/", g.of(t, "another")).want(t, http.StatusOK, "")
	g.get(t, "/", "x").want(t, http.StatusUnauthorized, "")
	g.end(t, token, "").want(t, http.StatusOK, "invalidated")
	got := gather(t, g.app).Since(before)
	for name, want := range map[string]float64{
		`token_verifications_total{result="hit"}`:                                 2,
		`token_verifications_total{result="verified"}`:                            1,
		`token_verifications_total{result="refused"}`:                             1,
		`requests_total{outcome="admitted"}`:                                      2,
		`requests_total{outcome="own"}`:                                           1,
		`revocations_total{kind="session",result="everywhere",source="endpoint"}`: 2, // its session and its login
		`revocation_duration_seconds_count`:                                       1,
		`revocations_held{kind="session"}`:                                        2,
		`sessions_seen`:                                                           1,
	} {
		if got[name] != want {
			t.Errorf("%s grew by %v, want %v", name, got[name], want)
		}
	}
	now := gather(t, g.app)
	for name, want := range map[string]float64{
		"fenced": 0, "store_up": 1, "gates": 1, "streams": 0, "revocations_pending": 0, "log_lag_entries": 0,
		`keys{issuer="` + tokentest.Issuer + `"}`: 1, `key_fetches_total{issuer="` + tokentest.Issuer + `",result="ok"}`: 0,
	} {
		if value, is := now[name]; !is || value != want {
			t.Errorf("%s is %v (%t), want %v", name, value, is, want)
		}
	}
	if now["set_bytes"] <= 0 {
		t.Errorf("set_bytes is %v", now["set_bytes"])
	}
	if _, is := now["lease_remaining_seconds"]; is {
		t.Error("a store of one machine has a lease")
	}
}
