package tests

import (
	"fmt"
	"testing"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// startPair starts two gates that share one Redis and the keys of one issuer.
func startPair(tb testing.TB) (a, b *harness.Gate) {
	tb.Helper()
	store := harness.Redis(redistest.Address(tb))
	a = harness.Start(tb, harness.Config{Store: store})
	b = harness.Start(tb, harness.Config{Store: store, Key: a.Key, Upstream: a.Upstream})
	return a, b
}

// statusOf is the status of a guarded request.
func statusOf(tb testing.TB, g *harness.Gate, token string) int {
	tb.Helper()
	return g.Send(tb, "GET", "/", harness.Bearer(token)).Status
}

// Attack: go on with a stolen token at another gate, at once when its session was
// ended. The 200 says that no gate admits it: not soon, but by then. A gate that
// cannot tell just then says so with 503.
func TestNoGateAdmitsAfterThe200(t *testing.T) {
	a, b := startPair(t)
	live := a.Token(session("lives on"))
	tokens := make([]string, 100)
	unavailable := 0
	for i := range tokens {
		at, other := a, b
		if i%2 == 1 {
			at, other = b, a
		}
		tokens[i] = other.Token(session(fmt.Sprint("session ", i)))
		see(t, other, tokens[i])
		invalidated.check(t, end(t, at, tokens[i]))
		for range 3 {
			switch status := statusOf(t, other, tokens[i]); status {
			case 401:
			case 503:
				unavailable++
			default:
				t.Fatalf("session %d: a request after the 200 is answered %d by the other gate", i, status)
			}
		}
	}
	for i, token := range tokens {
		for _, g := range []*harness.Gate{a, b} {
			if status := statusOf(t, g, token); status == 200 {
				t.Errorf("session %d: admitted after all", i)
			}
		}
	}
	recovers(t, a, live)
	recovers(t, b, live)
	t.Logf("of %d requests right after a 200, %d were answered 503", 3*len(tokens), unavailable)
}
