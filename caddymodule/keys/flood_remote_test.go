package keys_test

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// Attack: a million signatures, each with a new key id. Half of them come while the issuer
// answers, half while it hangs. The issuer must not be flooded with fetches, nothing may
// wait for each signature, and the ids must not be remembered. One goroutine fetches the
// set once in 5 s. No signature with an unknown id is verified. New signatures of users are
// accepted all the time (invariant 12).
func TestMillionUnknownKeyIDsCostOneFetchInFiveSeconds(t *testing.T) {
	const half, period = 500_000, 25 * time.Second
	// floodHeap is how much the heap may grow at its peak, in bytes.
	const floodHeap = 32 << 20
	key := tokentest.NewKey(t, "ES256", "a")
	inBubble(t, []*tokentest.Key{key}, func(t *testing.T, v bubble) {
		used, peak := heap(), heapPeak()
		for _, name := range []string{"answers", "hangs"} {
			if name == "hangs" {
				v.endpoint.Behave(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
			}
			fetched := v.endpoint.Fetches(tokentest.KeySetPath)
			floodUnknownKeyIDs(t, v, key, name, half, period)
			if n := v.endpoint.Fetches(tokentest.KeySetPath) - fetched; n < 3 || n > 1+int(period/(5*time.Second)) {
				t.Errorf("while the issuer %s: %d fetches in %v, want one at once and one in 5 s", name, n, period)
			}
		}
		used, peak = heap()-used, heapPeak()-peak
		t.Logf("the heap grew by %d bytes, and by %d at its peak", used, peak)
		if used > floodHeap || peak > floodHeap {
			t.Errorf("the heap grew by %d bytes, and by %d at its peak, want %d at most", used, peak, floodHeap)
		}
	})
}

// floodUnknownKeyIDs spreads this many tokens over a period, from several goroutines. New
// users come in between.
func floodUnknownKeyIDs(t *testing.T, v bubble, key *tokentest.Key, name string, flood int, period time.Duration) {
	t.Helper()
	const steps, workers = 50, 4
	signatures, goroutines := keys.CountSignatures(t), runtime.NumGoroutine()
	forged := keys.Signature{Algorithm: "ES256", Input: signed(t, key).Input, Value: make([]byte, 64)}
	for step := range steps {
		var wait sync.WaitGroup
		for worker := range workers {
			wait.Go(func() {
				for i := range flood / steps / workers {
					err := v.Verify(withKeyID(forged, fmt.Sprintf("%s-%d-%d-%d", name, step, worker, i)))
					if !errors.Is(err, keys.ErrUnavailable) {
						t.Errorf("while the issuer %s: %v", name, err)
						return
					}
				}
			})
		}
		wait.Wait()
		mustVerify(t, v.Remote, signed(t, key))
		time.Sleep(period / steps)
		// The client has some goroutines for a running fetch.
		if n := runtime.NumGoroutine(); n > goroutines+5 {
			t.Fatalf("while the issuer %s: %d goroutines, %d before", name, n, goroutines)
		}
	}
	synctest.Wait()
	if n := signatures(); n != steps {
		t.Errorf("while the issuer %s: %d signatures were verified, want %d, those of the users", name, n, steps)
	}
}
