package reload

import (
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

const (
	// reloads is how often the configuration is changed under traffic.
	reloads = 100
)

// Fault: the configuration is changed again and again while requests, streams and
// revocations are running. No valid request is refused, no revocation is forgotten for an
// instant, and nothing leaks.
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
	good := func(id string) string { return g.Token(harness.Session(id)) }
	published := tokentest.Mint(t, keys, tokentest.Claims(time.Now(), harness.Session("of the published keys", "iss", issuer)))
	harness.Eventually(t, 10*time.Second, "the published keys are in use", func() bool {
		return harness.Get(t, g, published).Status == 200
	})
	early := good("ended before all reloads")
	answers.Invalidated.Check(t, harness.End(t, g, early))
	// The first reloads create lasting objects: pools, and the second configuration.
	for i := range 4 {
		harness.Load(t, g, configs[i%2])
	}
	before, connected := g.Use(t), connections()

	events, echo := openEvents(t, g, good("of the events")), openEcho(t, g, good("of the web socket"))
	began := time.Now()
	clients := harness.StartTraffic(t, g, good("one"), good("two"), published)
	for i := range reloads {
		harness.Load(t, g, configs[i%2])
		events.next(t)
		echo.exchange(t, i)
		clients.More(t, 20)
	}
	took := time.Since(began)
	clients.Check(t)
	t.Logf("%d reloads in %v under %d requests, %d repeated ones, and %d ended sessions",
		reloads, took, clients.Count.Load(), clients.Repeated.Load(), clients.Ended.Load())
	answers.BadToken.Check(t, harness.Get(t, g, early))
	events.close()
	echo.close()
	harness.Settled(t, g, before, connected, connections)
}

// equivalent are two configurations with the same decisions. They differ in the app, in the
// gate, or in both, so that a reload has something to do.
func equivalent(store, issuer string) [2]harness.Config {
	config := func(app, gate string) harness.Config {
		return harness.Config{
			Store: store, App: app,
			Issuers: harness.IssuerBlock(tokentest.Issuer) +
				"issuer " + issuer + " {\njwks " + issuer + tokentest.KeySetPath + "\naudience legacy-app\n}\n",
			// By default, Caddy closes upgraded connections together with their
			// configuration. Idle connections to the upstream outlive it by minutes, which
			// would hide a leak of the gate.
			Routes: "session_gate {\n" + gate + "\n}\nreverse_proxy {$UPSTREAM} {\n" +
				"stream_close_delay 5m\ntransport http {\nkeepalive off\n}\n}",
		}
	}
	return [2]harness.Config{
		config("leeway 30s\ntoken_cache 8MiB", "claims email"),
		config("leeway 31s\ntoken_cache 9MiB\nmax_token_lifetime 23h", "identity authelia\nclaims email groups\nstrip_token"),
	}
}
