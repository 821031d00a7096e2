package tests

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// defaultLease is what `lease` is if the configuration says nothing.
const defaultLease = 3 * time.Second

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

// propagate revokes a session at one gate and returns how long after the 200 the
// other one refused it first.
//
// The lease bounds it on any machine: a gate that did not hear of the revocation
// must have asked the store for the last time before the 200, and admits for one
// lease after it asked.
func propagate(tb testing.TB, at, other *harness.Gate, id string) (time.Duration, string) {
	tb.Helper()
	token := other.Token(session(id))
	if status := statusOf(tb, other, token); status != 200 {
		tb.Fatalf("a live session is answered %d", status)
	}
	if answer := at.Send(tb, "DELETE", endpoint, harness.Bearer(token)); answer.Status != 200 {
		tb.Fatalf("the DELETE is answered %d %s", answer.Status, answer.Body)
	}
	arrived := time.Now()
	for {
		asked := time.Since(arrived)
		switch status := statusOf(tb, other, token); {
		case status == 401:
			return time.Since(arrived), token
		case status == 200 && asked > defaultLease:
			tb.Fatalf("the other gate admits a request that began %v after the 200, the lease is %v", asked, defaultLease)
		case status != 200 && status != 503:
			tb.Fatalf("the other gate answers %d", status)
		}
	}
}

// Attack: go on with a stolen token at another gate than the one where its
// session was ended.
func TestOtherGateRefusesWhatOneRevoked(t *testing.T) {
	a, b := startPair(t)
	live := a.Token(session("lives on"))
	const rounds = 100
	took, tokens := make([]time.Duration, rounds), make([]string, rounds)
	for i := range rounds {
		at, other := a, b
		if i%2 == 1 {
			at, other = b, a
		}
		took[i], tokens[i] = propagate(t, at, other, fmt.Sprint("session ", i))
		// Once refused is refused for good.
		for range 3 {
			if status := statusOf(t, other, tokens[i]); status != 401 {
				t.Fatalf("round %d: a request after the first refusal is answered %d", i, status)
			}
		}
	}
	for i, token := range tokens {
		for _, g := range []*harness.Gate{a, b} {
			if status := statusOf(t, g, token); status != 401 {
				t.Errorf("session %d: answered %d after all", i, status)
			}
		}
	}
	checkAdmitted(t, get(t, a, live))
	checkAdmitted(t, get(t, b, live))
	p50, p99, longest := spread(took)
	t.Logf("from the 200 to the first refusal at the other gate, %d rounds: p50 %v, p99 %v, max %v", rounds, p50, p99, longest)
}

// spread returns the median, the 99th percentile and the maximum.
func spread(took []time.Duration) (p50, p99, longest time.Duration) {
	slices.Sort(took)
	return took[len(took)/2], took[len(took)*99/100], took[len(took)-1]
}

// BenchmarkPropagation is the time from the arrival of the 200 at one gate to the
// arrival of the first refusal from another, which is asked again and again by
// one client: an instant at which no request is under way counts as late.
func BenchmarkPropagation(b *testing.B) {
	at, other := startPair(b)
	took := make([]time.Duration, 0, b.N)
	for b.Loop() {
		one, _ := propagate(b, at, other, fmt.Sprint("session ", len(took)))
		took = append(took, one)
	}
	p50, p99, longest := spread(took)
	b.ReportMetric(float64(p50.Microseconds()), "p50-µs")
	b.ReportMetric(float64(p99.Microseconds()), "p99-µs")
	b.ReportMetric(float64(longest.Microseconds()), "max-µs")
}
