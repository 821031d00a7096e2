package streams

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/running"
)

// tokenFor returns a token of a session that is valid for a number of seconds.
func tokenFor(g *harness.Gate, id string, seconds int64) string {
	now := time.Now().Unix()
	return g.Token(harness.Session(id, "iat", now, "exp", now+seconds))
}

// With `streams expiry`, a stream ends with the newest token of its session that its gate
// has admitted. With `streams session`, the default, it ends only with the session.
func TestAStreamEndsWithTheLatestTokenOfItsSession(t *testing.T) {
	t.Parallel()
	const short, longer = 3, 6
	for _, streams := range []string{"", "streams expiry", "streams session"} {
		t.Run("with "+streams, func(t *testing.T) {
			t.Parallel()
			g := harness.Start(t, harness.Config{App: "leeway 0s", Gate: streams})
			begun, _ := running.Serve(g.Upstream)
			began := time.Now()
			alone := running.Start(t, http.DefaultClient, g.URL("/silent"), "", tokenFor(g, "alone", short), begun)
			prolonged := running.Start(t, http.DefaultClient, g.URL("/events"), "", tokenFor(g, "prolonged", short), begun)
			harness.CheckAdmitted(t, harness.Get(t, g, tokenFor(g, "prolonged", longer)))
			if streams != "streams expiry" {
				late := time.After(time.Until(began.Add((short + 2) * time.Second)))
				select {
				case err := <-alone.Ended:
					t.Fatalf("a stream ended with its token: %v", err)
				case <-late:
				}
				prolonged.GoesOn(t)
				answers.Invalidated.Check(t, harness.End(t, g, tokenFor(g, "alone", 60)))
				alone.IsCut(t, time.Now())
				return
			}
			for _, end := range []struct {
				of      *running.Request
				seconds time.Duration
			}{{alone, short}, {prolonged, longer}} {
				<-end.of.Ended
				// The dates of a token are whole seconds.
				if after := time.Since(began); after < (end.seconds-1)*time.Second || after > (end.seconds+1)*time.Second+running.Limit {
					t.Errorf("a stream ended after %v, its session's latest token after %d s", after, end.seconds)
				}
			}
		})
	}
}

// Fault: Redis does not answer. A fenced gate admits nothing new, and cuts nothing: it
// knows of no revocation.
func TestAFencedGateCutsNothing(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	g := harness.Start(t, harness.Config{Store: harness.Redis(redis.Addr(), "fenced")})
	begun, _ := running.Serve(g.Upstream)
	token := g.Token(harness.Session("goes on"))
	s := running.Start(t, http.DefaultClient, g.URL("/events"), "", token, begun)
	redis.Freeze()
	defer redis.Thaw()
	harness.Eventually(t, harness.StreamLimit, "the gate is fenced", func() bool { return harness.StatusOf(t, g, token) == 503 })
	s.GoesOn(t)
	redis.Thaw()
	harness.Recovers(t, g, token)
	s.GoesOn(t)
	answers.Invalidated.Check(t, harness.End(t, g, token))
	s.IsCut(t, time.Now())
}

// Attack: keep a stream on a gate that gets no updates while the session is ended at
// another gate. When the gate gets updates again, it cuts the sessions that were revoked
// meanwhile.
func TestSessionsRevokedMeanwhileAreCut(t *testing.T) {
	t.Parallel()
	a, b := harness.StartPair(t)
	begun, _ := running.Serve(a.Upstream)
	token := a.Token(harness.Session("ended elsewhere"))
	s := running.Start(t, http.DefaultClient, b.URL("/silent"), "", token, begun)
	harness.See(t, a, token)
	b.Signal(syscall.SIGSTOP)
	t.Cleanup(func() { b.Signal(syscall.SIGCONT) })
	answer := harness.End(t, a, token)
	b.Signal(syscall.SIGCONT)
	answers.Invalidated.Check(t, answer)
	s.IsCut(t, time.Now())
	harness.Recovers(t, b, a.Token(harness.Session("another")))
}

// A token that names no session ends everything of its subject, or itself alone.
func TestAStreamOfATokenWithoutASessionIsCut(t *testing.T) {
	t.Parallel()
	for rule, goesOn := range map[string]bool{"subject": false, "token": true} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			g := harness.Start(t, harness.Config{Issuers: harness.IssuerWith("without_session " + rule)})
			begun, _ := running.Serve(g.Upstream)
			claims := func(id, subject string) map[string]any { return map[string]any{"sid": nil, "jti": id, "sub": subject} }
			one, other, another := g.Token(claims("one", "alice")), g.Token(claims("other", "alice")), g.Token(claims("another", "bob"))
			ends := running.Start(t, http.DefaultClient, g.URL("/silent"), "", one, begun)
			sibling := running.Start(t, http.DefaultClient, g.URL("/events"), "", other, begun)
			stays := running.Start(t, http.DefaultClient, g.URL("/events"), "", another, begun)
			answers.Invalidated.Check(t, harness.End(t, g, one))
			ends.IsCut(t, time.Now())
			if goesOn {
				sibling.GoesOn(t)
			} else {
				sibling.IsCut(t, time.Now())
			}
			stays.GoesOn(t)
		})
	}
}

// Fault: the configuration is changed while streams run. Their requests belong to the
// previous configuration, and must still be cut. If the store changes, they are cut at
// once, because the gate would no longer learn of their sessions' revocations.
func TestStreamsOutliveAReloadAndAreCut(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{})
	begun, _ := running.Serve(g.Upstream)
	token := g.Token(harness.Session("before the reload"))
	s := running.Start(t, http.DefaultClient, g.URL("/events"), "", token, begun)
	harness.Load(t, g, harness.Config{Key: g.Key, Upstream: g.Upstream, App: "leeway 31s"})
	s.GoesOn(t)
	other := running.Start(t, http.DefaultClient, g.URL("/events"), "", g.Token(harness.Session("another")), begun)
	answers.Invalidated.Check(t, harness.End(t, g, token))
	s.IsCut(t, time.Now())
	other.GoesOn(t)
	harness.Load(t, g, harness.Config{Key: g.Key, Upstream: g.Upstream, Store: "store memory"})
	other.IsCut(t, time.Now())
}
