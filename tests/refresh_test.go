package tests

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// kinds are the tokens that issuers hand out.
func kinds() map[string]*issuing {
	return map[string]*issuing{
		"JWT refresh tokens":                   {signed: true, claims: session("laptop")},
		"opaque refresh tokens":                {claims: session("laptop")},
		"opaque ones and no session id":        {},
		"JWT refresh tokens and no session id": {signed: true},
	}
}

// The promise of the whole: after the 200 no token of the session is of any use,
// whichever of them ended it. The refresh tokens from before the last one, too.
func TestALogoutEndsAllTokensOfALogin(t *testing.T) {
	harness.EachStore(t, func(t *testing.T, store string) {
		for name, issuer := range kinds() {
			t.Run(name, func(t *testing.T) {
				g := harness.Start(t, harness.Config{Store: strings.Replace(store, "namespace ", "namespace "+strings.ReplaceAll(name, " ", ""), 1), Gate: "token_endpoint " + tokenEndpoint})
				issuer.issueAt(t, g)
				first := login(t, g)
				second := refresh(t, g, first.Refresh)
				third := refresh(t, g, second.Refresh)
				see(t, g, first.Access, second.Access, third.Access)
				again := refresh(t, g, first.Refresh) // what is done with an old one is the endpoint's matter
				invalidated.check(t, end(t, g, second.Access))
				for _, of := range []tokens{first, second, third, again} {
					badToken.check(t, get(t, g, of.Access))
					noSession.check(t, end(t, g, of.Access))
					issuer.checkRefused(t, g, of.Refresh)
				}
				if issuer.claims == nil {
					checkAdmitted(t, get(t, g, login(t, g).Access))
				}
				// And after a restart.
				g.Restart()
				for _, of := range []tokens{first, second, third, again} {
					badToken.check(t, get(t, g, of.Access))
					issuer.checkRefused(t, g, of.Refresh)
				}
			})
		}
	})
}

// What was learned survives a restart, and kill -9, between the login and the
// logout.
func TestWhatWasLearnedSurvivesARestart(t *testing.T) {
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Gate: "token_endpoint " + tokenEndpoint})
		issuer := new(issuing)
		issuer.issueAt(t, g)
		first := login(t, g)
		g.Restart()
		second := refresh(t, g, first.Refresh)
		g.Kill()
		g.Restart()
		invalidated.check(t, end(t, g, first.Access))
		badToken.check(t, get(t, g, second.Access))
		issuer.checkRefused(t, g, first.Refresh)
		issuer.checkRefused(t, g, second.Refresh)
	})
}

// Two gates on one Redis know the same, at once; the one where the session ends need
// not have a token endpoint.
func TestTwoGatesKnowTheSameRefreshTokens(t *testing.T) {
	store := harness.Redis(redistest.Address(t))
	edge := harness.Start(t, harness.Config{Store: store, Gate: "token_endpoint " + tokenEndpoint})
	second := harness.Start(t, harness.Config{Store: store, Gate: "token_endpoint " + tokenEndpoint, Key: edge.Key, Upstream: edge.Upstream})
	sidecar := harness.Start(t, harness.Config{Store: store, Key: edge.Key})
	issuer := new(issuing)
	issuer.issueAt(t, edge)
	first := login(t, edge)
	next := refresh(t, second, first.Refresh)
	last := refresh(t, edge, next.Refresh)
	see(t, sidecar, first.Access, next.Access, last.Access)
	invalidated.check(t, end(t, sidecar, next.Access))
	for _, of := range []tokens{first, next, last} {
		for _, g := range []*harness.Gate{edge, second, sidecar} {
			badToken.check(t, get(t, g, of.Access))
		}
		issuer.checkRefused(t, edge, of.Refresh)
		issuer.checkRefused(t, second, of.Refresh)
	}
}

// The attack: refresh as fast as the endpoint can, at two gates, while the session is
// revoked, and keep one access token that nobody has heard of.
func TestRefreshesDuringALogoutYieldNothing(t *testing.T) {
	harness.EachStore(t, func(t *testing.T, store string) {
		gates := []*harness.Gate{harness.Start(t, harness.Config{Store: store, Gate: "token_endpoint " + tokenEndpoint})}
		if store != "store bolt" {
			gates = append(gates, harness.Start(t, harness.Config{
				Store: store, Gate: "token_endpoint " + tokenEndpoint, Key: gates[0].Key, Upstream: gates[0].Upstream,
			}))
		}
		issuer := new(issuing)
		issuer.issueAt(t, gates[0])
		for range 5 {
			var mu sync.Mutex
			first := login(t, gates[0])
			all := []tokens{first}
			var clients sync.WaitGroup
			started := make(chan struct{}, 100)
			for n := range 6 {
				clients.Go(func() {
					for token := first.Refresh; ; {
						got := ask(t, gates[n%len(gates)], refreshing(token))
						if got.Status != 200 {
							invalidGrant.check(t, got)
							return
						}
						next := handedOut(t, got)
						mu.Lock()
						all = append(all, next)
						mu.Unlock()
						token = next.Refresh
						select {
						case started <- struct{}{}:
						default:
						}
					}
				})
			}
			for range 10 {
				<-started
			}
			invalidated.check(t, end(t, gates[0], first.Access))
			clients.Wait()
			for _, of := range all {
				badToken.check(t, get(t, gates[len(gates)-1], of.Access))
				issuer.checkRefused(t, gates[0], of.Refresh)
			}
			t.Logf("%d refreshes until the logout", len(all)-1)
		}
	})
}

// Answers that come compressed although nobody asked for it, and those that the gate
// cannot read, or not keep.
func TestAnswersOfTheTokenEndpointAreReadOrWithheld(t *testing.T) {
	g := harness.Start(t, harness.Config{Gate: "token_endpoint " + tokenEndpoint})
	for name, tt := range map[string]struct {
		encode func(w http.ResponseWriter, body []byte)
		read   bool
	}{
		"in gzip": {func(w http.ResponseWriter, body []byte) {
			w.Header().Set("Content-Encoding", "gzip")
			packed := gzip.NewWriter(w)
			_, _ = packed.Write(body) // the gate may have gone
			_ = packed.Close()
		}, true},
		"in parts": {func(w http.ResponseWriter, body []byte) {
			for at := range body {
				_, _ = w.Write(body[at : at+1])
				_ = http.NewResponseController(w).Flush()
			}
		}, true},
		"in brotli": {func(w http.ResponseWriter, body []byte) {
			w.Header().Set("Content-Encoding", "br")
			_, _ = w.Write(body)
		}, false},
		"too large": {func(w http.ResponseWriter, body []byte) {
			_, _ = w.Write([]byte(strings.Repeat(" ", 256<<10)))
			_, _ = w.Write(body)
		}, false},
		"without an end": {func(w http.ResponseWriter, body []byte) {
			for _, err := w.Write(body); err == nil; _, err = w.Write(body) {
			}
		}, false},
		"broken off": {func(w http.ResponseWriter, body []byte) {
			w.Header().Set("Content-Length", "1000000")
			_, _ = w.Write(body)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, false},
		"as a page": {func(w http.ResponseWriter, _ []byte) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html></html>"))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			issuer := &issuing{encode: tt.encode}
			issuer.issueAt(t, g)
			got := g.Send(t, "POST", tokenEndpoint, harness.Body("application/json", `{"grant_type":"password"}`), harness.Header("Accept-Encoding", "br, gzip"))
			if !tt.read {
				answer{status: 502, body: `{"error":"server_error","error_description":"The answer of the token endpoint cannot be checked."}`}.check(t, got)
				return
			}
			if got.Header.Get("Content-Encoding") == "gzip" {
				packed, err := gzip.NewReader(strings.NewReader(got.Body))
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(packed)
				if err != nil {
					t.Fatal(err)
				}
				got.Body = string(body)
			}
			first := handedOut(t, got)
			invalidated.check(t, end(t, g, first.Access))
			issuer.checkRefused(t, g, first.Refresh)
		})
	}
	if !strings.Contains(g.Logs(), "was withheld and answered 502") {
		t.Error("the log does not tell that answers were withheld")
	}
}

// Invariant 7: a gate that is fenced passes no refresh token, and hands out nothing.
func TestAFencedGateGrantsNothing(t *testing.T) {
	redis := redistest.Start(t)
	g := harness.Start(t, harness.Config{Store: storeOf(redis, ""), Gate: "token_endpoint " + tokenEndpoint})
	issuer := new(issuing)
	issuer.issueAt(t, g)
	first := login(t, g)
	redis.Freeze()
	harness.Eventually(t, 10*time.Second, "the gate is fenced", func() bool { return statusOf(t, g, first.Access) == 503 })
	issuer.reached()
	cannot := answer{status: 503, retryAfter: "1", body: `{"error":"temporarily_unavailable","error_description":"The token cannot be checked at the moment. Try again."}`}
	cannot.check(t, ask(t, g, refreshing(first.Refresh)))
	cannot.check(t, ask(t, g, url.Values{"grant_type": {"password"}}))
	if n := issuer.reached(); n != 0 {
		t.Errorf("%d requests reached the token endpoint", n)
	}
	redis.Thaw()
	recovers(t, g, g.Token(session("lives on")))
	refresh(t, g, first.Refresh)
}

// Over every version of HTTP. Attack: POST to another spelling of the endpoint, with a
// token that is good, so that nobody looks at the refresh token in it.
func TestTheTokenEndpointHasOneSpelling(t *testing.T) {
	g := harness.Start(t, harness.Config{Gate: "token_endpoint " + tokenEndpoint + " /login/token", TLS: true})
	good := "Authorization: Bearer " + g.Token(session("laptop"))
	over := g.Token(session("phone"))
	invalidated.check(t, end(t, g, over))
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		for _, path := range []string{"/oauth//token", "/oauth/token/", "/oauth/%74oken", "/OAUTH/token", "/oauth/x/../token", "/oauth/token;x", "/login/./token"} {
			misspelt.check(t, g.Over(t, protocol, harness.Request{
				Method: "POST", Target: path, Body: "refresh_token=r",
				Fields: []string{"Content-Type: application/x-www-form-urlencoded", good},
			}))
		}
		for media, body := range map[string]string{
			"application/x-www-form-urlencoded": "grant_type=refresh_token&refresh_token=" + over, "application/json": `{"refresh_token":"` + over + `"}`,
		} {
			invalidGrant.check(t, g.Over(t, protocol, harness.Request{
				Method: "POST", Target: tokenEndpoint, Body: body, Fields: []string{"Content-Type: " + media},
			}))
		}
		checkUnreached(t, g)
		got := g.Over(t, protocol, harness.Request{Method: "POST", Target: "/login/token", Fields: []string{good}})
		if reached := g.Upstream.Take(); got.Status != 502 || len(reached) != 1 {
			t.Errorf("the endpoint itself: answered %d, and %d reached the upstream", got.Status, len(reached))
		}
	})
}
