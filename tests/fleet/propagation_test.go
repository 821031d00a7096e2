package fleet

import (
	"fmt"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Attack: use a stolen token at another gate at once when its session was ended. When the
// 200 arrives, no gate may admit the token any more. A gate that cannot know that answers
// 503.
func TestNoGateAdmitsAfterThe200(t *testing.T) {
	t.Parallel()
	a, b := harness.StartPair(t)
	live := a.Token(harness.Session("lives on"))
	tokens := make([]string, 100)
	unavailable := 0
	for i := range tokens {
		at, other := a, b
		if i%2 == 1 {
			at, other = b, a
		}
		tokens[i] = other.Token(harness.Session(fmt.Sprint("session ", i)))
		harness.See(t, other, tokens[i])
		answers.Invalidated.Check(t, harness.End(t, at, tokens[i]))
		for range 3 {
			switch status := harness.StatusOf(t, other, tokens[i]); status {
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
			if status := harness.StatusOf(t, g, token); status == 200 {
				t.Errorf("session %d: admitted after all", i)
			}
		}
	}
	harness.Recovers(t, a, live)
	harness.Recovers(t, b, live)
	t.Logf("of %d requests right after a 200, %d were answered 503", 3*len(tokens), unavailable)
}
