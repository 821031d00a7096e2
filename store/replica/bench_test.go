package replica

import (
	"strconv"
	"testing"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
)

// held returns a synced replica that holds n revocations.
func held(tb testing.TB, n uint64) *Replica {
	tb.Helper()
	r := New(memstore.New(nil), Options{})
	tb.Cleanup(r.Close)
	<-r.Synced()
	for i := range n {
		r.set.keys.add(numbered(i), 1<<31, markLogged)
	}
	return r
}

func TestCheckDoesNotAllocate(t *testing.T) {
	r := held(t, 1000)
	clear, revoked := keysOf("s", "t", "u", "https://a", 1), keysOf("s", "t", "u", "https://a", 1)
	clear.Expires = 1 << 31
	revoked.Session = numbered(1)
	now := SystemClock{}.Now()
	if got := r.Check(clear, now); got != Clear {
		t.Fatalf("the verdict is %v, want clear", got)
	}
	if got := r.Check(revoked, now); got != BySession {
		t.Fatalf("the verdict is %v, want by session", got)
	}
	if n := testing.AllocsPerRun(1000, func() {
		clear.Clear.Store(0)
		r.Check(clear, now)
		r.Check(clear, now)
		r.Check(revoked, now)
	}); n != 0 {
		t.Errorf("three checks allocate %v times", n)
	}
}

// BenchmarkCheck measures a check of a token that is clear. "known" means that the set has
// not changed since the last check, "looked up" that it has. The order of the tokens
// defeats the processor's caches.
func BenchmarkCheck(b *testing.B) {
	for _, n := range []uint64{0, 1e4, 1e6, 1e7} {
		r := held(b, n)
		tokens := make([]*store.Keys, 1<<14)
		for i := range tokens {
			tokens[i] = keysOf(strconv.Itoa(i), strconv.Itoa(i), "u", "https://a", 1)
			tokens[i].Expires = 1 << 31
		}
		now := SystemClock{}.Now()
		b.Run("known/"+strconv.FormatUint(n, 10), func(b *testing.B) {
			b.ReportAllocs()
			token := tokens[0]
			for b.Loop() {
				if r.Check(token, now) != Clear {
					b.Fatal("revoked")
				}
			}
		})
		b.Run("looked_up/"+strconv.FormatUint(n, 10), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				token := tokens[i*7919&(len(tokens)-1)]
				token.Clear.Store(0)
				if r.Check(token, now) != Clear {
					b.Fatal("revoked")
				}
			}
		})
	}
}
