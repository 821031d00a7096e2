package observed

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/issuing"
)

const (
	sessions = "/v1/auth/sessions"
	logout   = "/v1/auth/logout"
)

// fleet is two gates on one Redis, and a single gate with a store of its own. All of them show
// their metrics.
type fleet struct {
	redis        *redistest.Server
	a, b, single *harness.Gate
	// away signs tokens of an issuer whose keys no gate has.
	away    *tokentest.Key
	awayURL string
	// withhold makes the token endpoint answer what nobody can check.
	withhold atomic.Bool
	number   atomic.Int64
}

func startFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{redis: redistest.Start(t), away: tokentest.NewKey(t, "ES256", "away")}
	refusing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(refusing.Close)
	f.awayURL = refusing.URL
	fetched := tokentest.NewEndpoint(t, tokentest.NewKey(t, "ES256", "key-1")).Serve(t)
	config := harness.Config{
		Store: harness.Redis(f.redis.Addr(), "shop"), Global: "metrics", Key: harness.NewKey(), Upstream: harness.NewUpstream(t),
		Issuers: harness.IssuerOf("hmac_secret {file.{$GATE_DIR}/hmac_secret}") +
			fmt.Sprintf("\nissuer %[1]s {\njwks %[1]s/jwks.json\naudience legacy-app\n}\nissuer %[2]s {\njwks %[2]s/jwks.json\naudience legacy-app\n}", fetched, f.awayURL),
		Routes: routes("token header Authorization\ntoken cookie session\npublic /healthz\ncors https://app.example.com\n" +
			"sessions_endpoint " + sessions + "\nbackchannel_logout " + logout + "\ntoken_endpoint " + issuing.Path),
	}
	f.a, f.b = harness.Start(t, config), harness.Start(t, config)
	f.single = harness.Start(t, harness.Config{Global: "metrics", Key: config.Key, Upstream: config.Upstream, Routes: routes("optional")})
	endpoint := &issuing.Endpoint{Claims: map[string]any{"sid": "granted"}, Encode: func(w http.ResponseWriter, body []byte) {
		if f.withhold.Load() {
			body = []byte("not one JSON object")
		}
		_, _ = w.Write(body) // the gate may have gone
	}}
	endpoint.ServeAt(t, f.a)
	return f
}

// routes shows the metrics beside a guarded site.
func routes(gate string) string {
	return "handle /metrics {\nmetrics\n}\nhandle {\nsession_gate {\n" + gate + "\n}\nreverse_proxy {$UPSTREAM}\n}"
}

// token returns a token of a new session.
func (f *fleet) token(further ...any) string {
	return f.a.Token(harness.Session(fmt.Sprint("session ", f.number.Add(1)), further...))
}

// requests returns requests to a gate by the outcome that they are to be counted with.
func (f *fleet) requests(t *testing.T) map[string]func(*harness.Gate) {
	now := time.Now()
	stranger, away := tokentest.Mint(t, harness.NewKey(), tokentest.Claims(now, nil)),
		tokentest.Mint(t, f.away, tokentest.Claims(now, map[string]any{"iss": f.awayURL}))
	// What is sent while a gate is down has no answer.
	send := func(method, path string, changes ...harness.Change) func(*harness.Gate) {
		return func(g *harness.Gate) { _, _ = g.Try(method, path, changes...) }
	}
	return map[string]func(*harness.Gate){
		"admitted": func(g *harness.Gate) {
			token := harness.Bearer(f.token())
			for range 3 {
				_, _ = g.Try("GET", "/", token)
			}
		},
		"public":      send("GET", "/healthz"),
		"preflight":   send("OPTIONS", harness.Endpoint, harness.Header("Origin", "https://app.example.com"), harness.Header("Access-Control-Request-Method", "DELETE")),
		"own":         func(g *harness.Gate) { _, _ = g.Try("DELETE", harness.Endpoint, harness.Bearer(f.token())) },
		"missing":     send("GET", "/"),
		"malformed":   send("GET", "/", harness.Bearer("x")),
		"several":     send("GET", "/", harness.Bearer(stranger), harness.Bearer(stranger)),
		"invalid":     send("GET", "/", harness.Bearer(stranger)),
		"expired":     send("GET", "/", harness.Bearer(f.token("iat", now.Add(-2*time.Hour).Unix(), "exp", now.Add(-time.Hour).Unix()))),
		"unavailable": send("GET", "/", harness.Bearer(away)),
		"path":        send("DELETE", harness.Endpoint+"/", harness.Bearer(f.token())),
		"cross_site":  send("DELETE", harness.Endpoint, harness.Cookie("session="+f.token()), harness.Header("Sec-Fetch-Site", "cross-site")),
		"method":      func(g *harness.Gate) { _, _ = g.TryRaw(harness.Lines("CONNECT gate.test:443 HTTP/1.1")) },
		"revoked": func(g *harness.Gate) {
			token := harness.Bearer(f.token())
			_, _ = g.Try("DELETE", harness.Endpoint, token)
			_, _ = g.Try("GET", "/", token)
		},
		"optional": func(*harness.Gate) { _, _ = f.single.Try("GET", "/") },
	}
}

// send sends requests of all kinds to both gates until the test ends.
func (f *fleet) send(t *testing.T) {
	t.Helper()
	requests, over := f.requests(t), make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			for _, request := range requests {
				for _, g := range []*harness.Gate{f.a, f.b} {
					select {
					case <-over:
						tick.Stop()
						return
					case <-tick.C:
						request(g)
					}
				}
			}
		}
	}()
	t.Cleanup(func() {
		close(over)
		<-ended
	})
}
