package tests

import (
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

const (
	// reloads is how often the configuration is changed under traffic.
	reloads = 100
	// tolerance is how many goroutines, files or connections may come and go. One
	// that is left behind with every reload is four times as many.
	tolerance = 25
	// settleLimit is how long what a reload replaced may take to end.
	settleLimit = 20 * time.Second
)

// Fault: the configuration is changed again and again while requests,
// streams and revocations are under way. Nothing is refused that is good, no
// revocation is forgotten for an instant, and nothing is left behind.
func TestReloadsUnderTrafficLoseNothing(t *testing.T) {
	t.Run("bolt", func(t *testing.T) {
		reloadUnderTraffic(t, "store bolt", func() int { return 0 })
	})
	t.Run("redis", func(t *testing.T) {
		redis := redistest.Start(t)
		reloadUnderTraffic(t, harness.Redis(redis.Addr(), "reloads"), func() int {
			return strings.Count(redis.Do("CLIENT", "LIST").(string), "name=session_gate")
		})
	})
}

func reloadUnderTraffic(t *testing.T, store string, connections func() int) {
	keys := tokentest.NewKey(t, "ES256", "key-1")
	issuer := tokentest.NewEndpoint(t, keys).Serve(t)
	configs := equivalent(store, issuer)
	g := harness.Start(t, configs[0])
	serveStreams(g.Upstream)
	good := func(id string) string { return g.Token(session(id)) }
	published := tokentest.Mint(t, keys, tokentest.Claims(time.Now(), session("of the published keys", "iss", issuer)))
	harness.Eventually(t, 10*time.Second, "the published keys are in use", func() bool {
		return get(t, g, published).Status == 200
	})
	early := good("ended before all reloads")
	invalidated.check(t, end(t, g, early))
	// The first reloads make what stays: pools, and the second configuration.
	for i := range 4 {
		load(t, g, configs[i%2])
	}
	before, connected := g.Use(t), connections()

	events, echo := openEvents(t, g, good("of the events")), openEcho(t, g, good("of the web socket"))
	began := time.Now()
	clients := startTraffic(t, g, good("one"), good("two"), published)
	for i := range reloads {
		load(t, g, configs[i%2])
		events.next(t)
		echo.exchange(t, i)
		clients.more(t, 20)
	}
	took := time.Since(began)
	clients.check(t)
	t.Logf("%d reloads in %v under %d requests, of which %d were repeated, and %d sessions ended",
		reloads, took, clients.count.Load(), clients.repeated.Load(), clients.ended.Load())
	badToken.check(t, get(t, g, early))
	events.close()
	echo.close()
	settled(t, g, before, connected, connections)
}

// equivalent are two configurations that decide the same and differ where a
// reload has something to do: in the app, in the gate, and in both.
func equivalent(store, issuer string) [2]harness.Config {
	config := func(app, gate string) harness.Config {
		return harness.Config{
			Store: store, App: app,
			Issuers: issuerBlock(tokentest.Issuer) +
				"issuer " + issuer + " {\njwks " + issuer + tokentest.KeySetPath + "\naudience legacy-app\n}\n",
			// Caddy closes upgraded connections with the configuration they came
			// by, unless it is told to wait; and idle connections to the upstream
			// outlive theirs by minutes, which would hide what the gate leaves.
			Routes: "session_gate {\n" + gate + "\n}\nreverse_proxy {$UPSTREAM} {\n" +
				"stream_close_delay 5m\ntransport http {\nkeepalive off\n}\n}",
		}
	}
	return [2]harness.Config{
		config("leeway 30s\ntoken_cache 8MiB", "claims email"),
		config("leeway 31s\ntoken_cache 9MiB\nmax_token_lifetime 23h", "identity authelia\nclaims email groups\nstrip_token"),
	}
}

func load(t *testing.T, g *harness.Gate, config harness.Config) {
	t.Helper()
	if err := g.Load(t, config); err != nil {
		t.Fatal(err)
	}
}

// settled waits until the gate holds no more than it did before, but for a few
// goroutines, files and connections that come and go.
func settled(t *testing.T, g *harness.Gate, before harness.Use, connected int, connections func() int) {
	t.Helper()
	var now harness.Use
	var connectedNow int
	defer func() {
		t.Logf("goroutines %d → %d, files %d → %d, connections to Redis %d → %d",
			before.Goroutines, now.Goroutines, before.Files, now.Files, connected, connectedNow)
		if t.Failed() {
			t.Log(g.Admin(t, "GET", "/debug/pprof/goroutine?debug=1").Body)
		}
	}()
	harness.Eventually(t, settleLimit, "goroutines, files and connections are what they were", func() bool {
		now, connectedNow = g.Use(t), connections()
		return now.Goroutines <= before.Goroutines+tolerance && now.Files <= before.Files+tolerance &&
			connectedNow <= connected+tolerance
	})
}
