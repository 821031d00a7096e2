package tests

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// tokenFor is a token of a session that is good for a number of seconds.
func tokenFor(g *harness.Gate, id string, seconds int64) string {
	now := time.Now().Unix()
	return g.Token(session(id, "iat", now, "exp", now+seconds))
}

// A stream ends with the latest token of its session that its gate has admitted,
// and with `streams session` only with the session.
func TestAStreamEndsWithTheLatestTokenOfItsSession(t *testing.T) {
	const short, longer = 3, 6
	for _, streams := range []string{"", "streams expiry", "streams session"} {
		t.Run("with "+streams, func(t *testing.T) {
			t.Parallel()
			g := harness.Start(t, harness.Config{App: "leeway 0s", Gate: streams})
			begun, _ := serveRunning(g.Upstream)
			began := time.Now()
			alone := start(t, http.DefaultClient, g.URL("/silent"), "", tokenFor(g, "alone", short), begun)
			prolonged := start(t, http.DefaultClient, g.URL("/events"), "", tokenFor(g, "prolonged", short), begun)
			checkAdmitted(t, get(t, g, tokenFor(g, "prolonged", longer)))
			if streams == "streams session" {
				late := time.After(time.Until(began.Add((short + 2) * time.Second)))
				select {
				case err := <-alone.ended:
					t.Fatalf("a stream ended with its token: %v", err)
				case <-late:
				}
				prolonged.goesOn(t)
				invalidated.check(t, end(t, g, tokenFor(g, "alone", 60)))
				alone.isCut(t, time.Now())
				return
			}
			for _, end := range []struct {
				of      *running
				seconds time.Duration
			}{{alone, short}, {prolonged, longer}} {
				<-end.of.ended
				// The dates of a token are whole seconds.
				if after := time.Since(began); after < (end.seconds-1)*time.Second || after > (end.seconds+1)*time.Second+cutLimit {
					t.Errorf("a stream ended after %v, its session's latest token after %d s", after, end.seconds)
				}
			}
		})
	}
}

// Fault: Redis does not answer. A gate that is fenced admits nothing new, and cuts
// nothing: it knows of nothing that is over.
func TestAFencedGateCutsNothing(t *testing.T) {
	redis := redistest.Start(t)
	g := harness.Start(t, harness.Config{Store: harness.Redis(redis.Addr(), "fenced")})
	begun, _ := serveRunning(g.Upstream)
	token := g.Token(session("goes on"))
	s := start(t, http.DefaultClient, g.URL("/events"), "", token, begun)
	redis.Freeze()
	defer redis.Thaw()
	harness.Eventually(t, streamLimit, "the gate is fenced", func() bool { return statusOf(t, g, token) == 503 })
	s.goesOn(t)
	redis.Thaw()
	recovers(t, g, token)
	s.goesOn(t)
	invalidated.check(t, end(t, g, token))
	s.isCut(t, time.Now())
}

// Attack: keep a stream on a gate that hears nothing while the session is ended at
// another. When the gate hears again, it cuts what was revoked meanwhile.
func TestWhatWasRevokedMeanwhileIsCut(t *testing.T) {
	a, b := startPair(t)
	begun, _ := serveRunning(a.Upstream)
	token := a.Token(session("ended elsewhere"))
	s := start(t, http.DefaultClient, b.URL("/silent"), "", token, begun)
	see(t, a, token)
	b.Signal(syscall.SIGSTOP)
	t.Cleanup(func() { b.Signal(syscall.SIGCONT) })
	answer := end(t, a, token)
	b.Signal(syscall.SIGCONT)
	invalidated.check(t, answer)
	s.isCut(t, time.Now())
	recovers(t, b, a.Token(session("another")))
}

// A token that names no session is cut by itself, and others of its subject go on.
func TestAStreamOfATokenWithoutASessionIsCut(t *testing.T) {
	g := harness.Start(t, harness.Config{})
	begun, _ := serveRunning(g.Upstream)
	claims := func(id string) map[string]any { return map[string]any{"sid": nil, "jti": id} }
	one, other := g.Token(claims("one")), g.Token(claims("other"))
	ends := start(t, http.DefaultClient, g.URL("/silent"), "", one, begun)
	stays := start(t, http.DefaultClient, g.URL("/events"), "", other, begun)
	invalidated.check(t, end(t, g, one))
	ends.isCut(t, time.Now())
	stays.goesOn(t)
}

// Fault: the configuration is changed while streams run, whose requests belong to
// the one before. They are cut all the same; and if the store is another one, at
// once, because nobody would hear of their sessions any more.
func TestStreamsOutliveAReloadAndAreCut(t *testing.T) {
	g := harness.Start(t, harness.Config{})
	begun, _ := serveRunning(g.Upstream)
	token := g.Token(session("before the reload"))
	s := start(t, http.DefaultClient, g.URL("/events"), "", token, begun)
	load(t, g, harness.Config{Key: g.Key, Upstream: g.Upstream, App: "leeway 31s"})
	s.goesOn(t)
	other := start(t, http.DefaultClient, g.URL("/events"), "", g.Token(session("another")), begun)
	invalidated.check(t, end(t, g, token))
	s.isCut(t, time.Now())
	other.goesOn(t)
	load(t, g, harness.Config{Key: g.Key, Upstream: g.Upstream, Store: "store memory"})
	other.isCut(t, time.Now())
}
