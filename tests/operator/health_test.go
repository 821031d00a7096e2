package operator

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// issuerBlock returns the block of an issuer with more lines.
func issuerBlock(issuer string, lines ...string) string {
	return "issuer " + issuer + " {\naudience legacy-app\n" + strings.Join(lines, "\n") + "\n}\n"
}

// published serves the key set of a key. It returns the URL of the server.
func published(t *testing.T, key *tokentest.Key) (url string, endpoint *tokentest.Endpoint) {
	t.Helper()
	endpoint = tokentest.NewEndpoint(t, key)
	return endpoint.Serve(t), endpoint
}

// checkProbe fails the test unless a probe has this status, and its body this text.
func checkProbe(t *testing.T, g *harness.Gate, path string, status int, says string) {
	t.Helper()
	if got := g.Probed(path); got.Status != status || !strings.Contains(got.Body, says) || strings.Contains(got.Body, "json") {
		t.Errorf("%s is %d %s, want %d with %q and no URL", path, got.Status, got.Body, status, says)
	}
}

// Fault: a typo in the URL of a key set. The gate refuses everybody. Its probes were green, and
// `health` said that it admits requests.
func TestATypoInTheURLOfAKeySetIsSeen(t *testing.T) {
	t.Parallel()
	for _, readiness := range []string{"lenient", "strict"} {
		t.Run(readiness, func(t *testing.T) {
			t.Parallel()
			key := tokentest.NewKey(t, "ES256", "key-1")
			url, endpoint := published(t, key)
			endpoint.Behave(func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
			g := harness.Start(t, harness.Config{
				Key: key, Issuers: issuerBlock(url, "jwks "+url+tokentest.KeySetPath), App: "readiness " + readiness, Unready: true,
			})
			token := g.Token(map[string]any{"iss": url})
			harness.Eventually(t, 10*time.Second, "a fetch has failed", func() bool {
				printed, _ := operating.Operate(t, g, "health")
				return strings.Contains(printed, "status 404")
			})
			answers.Unavailable.Check(t, harness.Get(t, g, token))
			operating.CheckHealth(t, g, 1, "The gate refuses every token with 503: it has no keys of "+url+".", "Why:   the keys of "+url+" were never loaded.",
				"Next:  compare the URL", "issuer       "+url+", NO KEYS", "jwks "+url+tokentest.KeySetPath+": never loaded, ", "status 404; compare the URL")
			checkProbe(t, g, "/startupz", 503, "the keys of "+url+" were never loaded; the gate's log says why")
			checkProbe(t, g, "/livez", 200, "ok")
			if readiness == "strict" {
				checkProbe(t, g, "/readyz", 503, "the gate has no keys of "+url)
			} else {
				checkProbe(t, g, "/readyz", 200, "ok")
			}

			endpoint.Behave(nil)
			harness.Recovers(t, g, token)
			checkProbe(t, g, "/startupz", 200, "ok")
			checkProbe(t, g, "/readyz", 200, "ok")
			operating.CheckHealth(t, g, 0, "The gate admits requests.\n", "issuer       "+url+"\n", ": 1 key, fetched ", ", next try in ")

			// An outage of the issuer changes nothing for gates that have its keys.
			endpoint.Behave(func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
			if err := g.Reload(harness.Config{Issuers: issuerBlock(url, "jwks "+url+tokentest.KeySetPath), App: "readiness " + readiness}); err != nil {
				t.Fatal(err)
			}
			checkProbe(t, g, "/startupz", 200, "ok")
			checkProbe(t, g, "/readyz", 200, "ok")
		})
	}
}

// The application can do without one of the issuers.
func TestOptionalKeysHoldNothingBack(t *testing.T) {
	t.Parallel()
	key, other := tokentest.NewKey(t, "ES256", "key-1"), tokentest.NewKey(t, "ES256", "key-2")
	url, _ := published(t, key)
	away, endpoint := published(t, other)
	endpoint.Behave(func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
	blocks := func(words ...string) string {
		return issuerBlock(url, "jwks "+url+tokentest.KeySetPath) + issuerBlock(away, append(words, "jwks "+away+tokentest.KeySetPath)...)
	}
	g := harness.Start(t, harness.Config{Key: key, Issuers: blocks("keys_optional"), App: "readiness strict"})
	harness.Eventually(t, 10*time.Second, "/startupz is 200", func() bool { return g.Probe("/startupz") == 200 })
	harness.CheckAdmitted(t, harness.Get(t, g, g.Token(map[string]any{"iss": url})))
	foreign := tokentest.Mint(t, other, tokentest.Claims(time.Now(), map[string]any{"iss": away}))
	answers.Unavailable.Check(t, harness.Get(t, g, foreign))
	operating.CheckHealth(t, g, 0, "The gate admits requests, and refuses every token of "+away+" with 503: it has no keys.", away+", no keys (keys_optional)", "issuer       "+url+"\n")

	// Without the word, the same gate is not ready.
	if err := g.Reload(harness.Config{Issuers: blocks(), App: "readiness strict", Unready: true}); err != nil {
		t.Fatal(err)
	}
	checkProbe(t, g, "/readyz", 503, "the gate has no keys of "+away+";")
	checkProbe(t, g, "/startupz", 503, "the keys of "+away+" were never loaded")
	operating.CheckHealth(t, g, 1, "The gate refuses every token of "+away+" with 503: it has no keys. Otherwise it admits requests.", away+", NO KEYS")
	harness.CheckAdmitted(t, harness.Get(t, g, g.Token(map[string]any{"iss": url})))
}

// Fault: the gate does not run. A monitor has to tell that from a gate that refuses.
func TestHealthExitsWithTwoIfNoGateListens(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	for _, arguments := range [][]string{{"--address", listener.Addr().String()}, {"--json", "--address", listener.Addr().String()}, {"--address", ""}, {"--unknown"}, {"more"}} {
		if printed, code := operating.Run(t, g, append([]string{"health"}, arguments...)...); code != 2 || !strings.HasPrefix(printed, "Error: ") {
			t.Errorf("health %q exits with %d and prints\n%s", arguments, code, printed)
		}
	}
}

// A fleet starts for the first time. Nothing was lost, and nothing may say so.
func TestAFirstStartOnRedisIsNew(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	g := harness.Start(t, harness.Config{Store: harness.Redis(redis.Addr(), "orders"), App: "lease 3s", Unready: true})
	operating.CheckHealth(t, g, 1, "The gate refuses every guarded request with 503.", "Why:   the store is new: it has never held a revocation",
		"Next:  nothing, if this is the first start of this fleet", "redis at "+redis.Addr()+`, namespace "orders"`, "repair (new), generation")
	checkProbe(t, g, "/startupz", 503, "the store is new, and the gate waits two leases before it admits requests")
	harness.Recovers(t, g, g.Token(nil))
	operating.CheckHealth(t, g, 0, "The gate admits requests.\n")
	const line = "the store is new: it has never held a revocation; this gate refuses requests for two leases, in case another gate knows some"
	if n := strings.Count(g.Logs(), line); n != 1 || strings.Contains(g.Logs(), "lost revocations") {
		t.Errorf("the log says %d times that the store is new, and not once that it lost something: want once", n)
	}
}

// Fault: Redis refuses the password, and the person on call does not know which Redis that is.
func TestHealthNamesTheRedisThatRefuses(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.Password("hunter2-of-redis"))
	g := harness.Start(t, harness.Config{Store: harness.Redis("redis://:hunter3-of-redis@"+redis.Addr(), "orders"), Unready: true})
	harness.Eventually(t, 10*time.Second, "Redis has refused", func() bool {
		printed, code := operating.Operate(t, g, "health")
		return code == 1 && strings.Contains(printed, "to redis at "+redis.Addr()+": ") && strings.Contains(printed, "WRONGPASS")
	})
	if printed, _ := operating.Operate(t, g, "health"); strings.Contains(printed, "hunter") {
		t.Errorf("health prints a password:\n%s", printed)
	}
}

// Fault: the name of the issuer has a slash too many. The store and the keys are fine, `health` said
// that the gate admits requests, and every user got 401.
func TestHealthSeesThatNobodyIsAccepted(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{})
	token := g.Token(map[string]any{"iss": tokentest.Issuer + "/"})
	for range 10 {
		answers.BadToken.Check(t, harness.Get(t, g, token))
	}
	operating.CheckHealth(t, g, 0, "The gate admits requests, and has not accepted any token yet.",
		"refused 10 tokens as invalid or expired, and accepted none", "Next:  run caddy session-gate check")
	if got := harness.Get(t, g, g.Token(nil)); got.Status != http.StatusOK {
		t.Fatalf("a good token is answered %d", got.Status)
	}
	operating.CheckHealth(t, g, 0, "The gate admits requests.")
}
