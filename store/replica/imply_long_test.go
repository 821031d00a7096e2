// Built without the race detector only: it finds nothing in one goroutine, and takes ten
// times as long.

//go:build !race

package replica

import (
	"math/rand/v2"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// Attack: make one revocation replace another that names more: a revocation with another
// exception, an earlier instant or a longer life. A token would be admitted although a
// client was told that it is revoked.
func TestInstantsRevokeWhatANaiveListRevokes(t *testing.T) {
	tokens := tokensOfAUser()
	for seed := range uint64(20_000) {
		random := rand.New(rand.NewPCG(seed, 5))
		subject := keysOf("", "", "u", "https://a", 0).Subject
		s, list := newSet(), naive{}
		for _, r := range randomInstants(random, subject) {
			s.add([]store.Revocation{r}, random.IntN(2) == 0)
			list = append(list, r)
		}
		for now := int64(99); now < 106; now++ {
			s.instants.purge(now)
			for name, token := range tokens {
				if got, want := s.instants.revokes(subject, token), list.revokes(token, now); got != want {
					t.Fatalf("seed %d: at %d a token of %s is revoked: %t, want %t, by %v", seed, now, name, got, want, list)
				}
			}
		}
	}
}
