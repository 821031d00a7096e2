package refresh

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
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/issuing"
)

// kinds are the kinds of tokens that endpoints issue.
func kinds() map[string]*issuing.Endpoint {
	return map[string]*issuing.Endpoint{
		"JWT refresh tokens":                   {Signed: true, Claims: harness.Session("laptop")},
		"opaque refresh tokens":                {Claims: harness.Session("laptop")},
		"opaque ones and no session id":        {},
		"JWT refresh tokens and no session id": {Signed: true},
	}
}

// After the 200, no token of the session is valid, whichever of them ended it. That
// includes earlier refresh tokens.
func TestALogoutEndsAllTokensOfALogin(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		for name, issuer := range kinds() {
			t.Run(name, func(t *testing.T) {
				g := harness.Start(t, harness.Config{Store: strings.Replace(store, "namespace ", "namespace "+strings.ReplaceAll(name, " ", ""), 1), Gate: "token_endpoint " + issuing.Path})
				issuer.ServeAt(t, g)
				first := issuing.Login(t, g)
				second := issuing.Refresh(t, g, first.Refresh)
				third := issuing.Refresh(t, g, second.Refresh)
				harness.See(t, g, first.Access, second.Access, third.Access)
				again := issuing.Refresh(t, g, first.Refresh) // the endpoint decides about old refresh tokens
				answers.Invalidated.Check(t, harness.End(t, g, second.Access))
				for _, of := range []issuing.Tokens{first, second, third, again} {
					answers.BadToken.Check(t, harness.Get(t, g, of.Access))
					answers.NoSession.Check(t, harness.End(t, g, of.Access))
					issuer.CheckRefused(t, g, of.Refresh)
				}
				if issuer.Claims == nil {
					harness.CheckAdmitted(t, harness.Get(t, g, issuing.Login(t, g).Access))
				}
				// The same after a restart.
				g.Restart()
				for _, of := range []issuing.Tokens{first, second, third, again} {
					answers.BadToken.Check(t, harness.Get(t, g, of.Access))
					issuer.CheckRefused(t, g, of.Refresh)
				}
			})
		}
	})
}

// Learned tokens survive a restart, and kill -9, between the login and the logout.
func TestLearnedTokensSurviveARestart(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Gate: "token_endpoint " + issuing.Path})
		issuer := new(issuing.Endpoint)
		issuer.ServeAt(t, g)
		first := issuing.Login(t, g)
		g.Restart()
		second := issuing.Refresh(t, g, first.Refresh)
		g.Kill()
		g.Restart()
		answers.Invalidated.Check(t, harness.End(t, g, first.Access))
		answers.BadToken.Check(t, harness.Get(t, g, second.Access))
		issuer.CheckRefused(t, g, first.Refresh)
		issuer.CheckRefused(t, g, second.Refresh)
	})
}

// Two gates on one Redis know the same tokens at once. The gate where the session ends need
// not have a token endpoint.
func TestTwoGatesKnowTheSameRefreshTokens(t *testing.T) {
	t.Parallel()
	store := harness.Redis(redistest.Address(t))
	edge := harness.Start(t, harness.Config{Store: store, Gate: "token_endpoint " + issuing.Path})
	second := harness.Start(t, harness.Config{Store: store, Gate: "token_endpoint " + issuing.Path, Key: edge.Key, Upstream: edge.Upstream})
	sidecar := harness.Start(t, harness.Config{Store: store, Key: edge.Key})
	issuer := new(issuing.Endpoint)
	issuer.ServeAt(t, edge)
	first := issuing.Login(t, edge)
	next := issuing.Refresh(t, second, first.Refresh)
	last := issuing.Refresh(t, edge, next.Refresh)
	harness.See(t, sidecar, first.Access, next.Access, last.Access)
	answers.Invalidated.Check(t, harness.End(t, sidecar, next.Access))
	for _, of := range []issuing.Tokens{first, next, last} {
		for _, g := range []*harness.Gate{edge, second, sidecar} {
			answers.BadToken.Check(t, harness.Get(t, g, of.Access))
		}
		issuer.CheckRefused(t, edge, of.Refresh)
		issuer.CheckRefused(t, second, of.Refresh)
	}
}

// Attack: refresh as fast as the endpoint can, at two gates, while the session is revoked,
// to keep one access token that no gate has learned.
func TestRefreshesDuringALogoutYieldNothing(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		gates := []*harness.Gate{harness.Start(t, harness.Config{Store: store, Gate: "token_endpoint " + issuing.Path})}
		if store != "store bolt" {
			gates = append(gates, harness.Start(t, harness.Config{
				Store: store, Gate: "token_endpoint " + issuing.Path, Key: gates[0].Key, Upstream: gates[0].Upstream,
			}))
		}
		issuer := new(issuing.Endpoint)
		issuer.ServeAt(t, gates[0])
		for range 5 {
			var mu sync.Mutex
			first := issuing.Login(t, gates[0])
			all := []issuing.Tokens{first}
			var clients sync.WaitGroup
			started := make(chan struct{}, 100)
			for n := range 6 {
				clients.Go(func() {
					for token := first.Refresh; ; {
						got := issuing.Ask(t, gates[n%len(gates)], issuing.Refreshing(token))
						if got.Status != 200 {
							issuing.InvalidGrant.Check(t, got)
							return
						}
						next := issuing.HandedOut(t, got)
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
			answers.Invalidated.Check(t, harness.End(t, gates[0], first.Access))
			clients.Wait()
			for _, of := range all {
				answers.BadToken.Check(t, harness.Get(t, gates[len(gates)-1], of.Access))
				issuer.CheckRefused(t, gates[0], of.Refresh)
			}
			t.Logf("%d refreshes until the logout", len(all)-1)
		}
	})
}

// Answers that are compressed although the request did not ask for it, and answers that the
// gate cannot read, or not store.
func TestAnswersOfTheTokenEndpointAreReadOrWithheld(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{Gate: "token_endpoint " + issuing.Path})
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
			issuer := &issuing.Endpoint{Encode: tt.encode}
			issuer.ServeAt(t, g)
			got := g.Send(t, "POST", issuing.Path, harness.Body("application/json", `{"grant_type":"password"}`), harness.Header("Accept-Encoding", "br, gzip"))
			if !tt.read {
				answers.Answer{Status: 502, Body: `{"error":"server_error","error_description":"The answer of the token endpoint cannot be checked."}`}.Check(t, got)
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
			first := issuing.HandedOut(t, got)
			answers.Invalidated.Check(t, harness.End(t, g, first.Access))
			issuer.CheckRefused(t, g, first.Refresh)
		})
	}
	if !strings.Contains(g.Logs(), "was withheld and answered 502") {
		t.Error("the log does not tell that answers were withheld")
	}
}

// Invariant 7: a fenced gate passes on no refresh token, and returns no tokens.
func TestAFencedGateGrantsNothing(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	g := harness.Start(t, harness.Config{Store: harness.RedisWith(redis, ""), Gate: "token_endpoint " + issuing.Path})
	issuer := new(issuing.Endpoint)
	issuer.ServeAt(t, g)
	first := issuing.Login(t, g)
	redis.Freeze()
	harness.Eventually(t, 10*time.Second, "the gate is fenced", func() bool { return harness.StatusOf(t, g, first.Access) == 503 })
	issuer.Reached()
	cannot := answers.Answer{Status: 503, RetryAfter: "1", Body: `{"error":"temporarily_unavailable","error_description":"The token cannot be checked at the moment. Try again."}`}
	cannot.Check(t, issuing.Ask(t, g, issuing.Refreshing(first.Refresh)))
	cannot.Check(t, issuing.Ask(t, g, url.Values{"grant_type": {"password"}}))
	if n := issuer.Reached(); n != 0 {
		t.Errorf("%d requests reached the token endpoint", n)
	}
	redis.Thaw()
	harness.Recovers(t, g, g.Token(harness.Session("lives on")))
	issuing.Refresh(t, g, first.Refresh)
}

// Over every version of HTTP. Attack: POST to another spelling of the endpoint with a valid
// access token, so that nobody checks the refresh token in it.
func TestTheTokenEndpointHasOneSpelling(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{Gate: "token_endpoint " + issuing.Path + " /login/token", TLS: true})
	good := "Authorization: Bearer " + g.Token(harness.Session("laptop"))
	over := g.Token(harness.Session("phone"))
	answers.Invalidated.Check(t, harness.End(t, g, over))
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		for _, path := range []string{"/oauth//token", "/oauth/token/", "/oauth/%74oken", "/OAUTH/token", "/oauth/x/../token", "/oauth/token;x", "/login/./token"} {
			answers.OtherSpelling.Check(t, g.Over(t, protocol, harness.Request{
				Method: "POST", Target: path, Body: "refresh_token=r",
				Fields: []string{"Content-Type: application/x-www-form-urlencoded", good},
			}))
		}
		for media, body := range map[string]string{
			"application/x-www-form-urlencoded": "grant_type=refresh_token&refresh_token=" + over, "application/json": `{"refresh_token":"` + over + `"}`,
		} {
			issuing.InvalidGrant.Check(t, g.Over(t, protocol, harness.Request{
				Method: "POST", Target: issuing.Path, Body: body, Fields: []string{"Content-Type: " + media},
			}))
		}
		harness.CheckUnreached(t, g)
		got := g.Over(t, protocol, harness.Request{Method: "POST", Target: "/login/token", Fields: []string{good}})
		if reached := g.Upstream.Take(); got.Status != 502 || len(reached) != 1 {
			t.Errorf("the endpoint itself: answered %d, and %d reached the upstream", got.Status, len(reached))
		}
	})
}
