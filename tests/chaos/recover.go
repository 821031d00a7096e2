package chaos

import (
	"net/http"
	"sync"
	"testing"
	"time"
)

// retry is the pause before a request that was not admitted is repeated.
const retry = 5 * time.Millisecond

// Recovery is how long it took from some instant until the gates admitted and confirmed
// again.
type Recovery struct{ Admits, Confirms time.Duration }

// Recovers waits until the gates admit a session that nobody ended, and confirm a DELETE.
// No gates mean all gates. The test fails unless they admit within the limit, and confirm
// within two leases more.
func (f *Fleet) Recovers(tb testing.TB, limit time.Duration, gates ...int) Recovery {
	tb.Helper()
	began := time.Now()
	f.admits(tb, limit, gates...)
	r := Recovery{Admits: time.Since(began)}
	f.wait(tb, 2*f.lease+Slack, "confirm a DELETE", gates, func(gate int) bool {
		status := f.End(gate, f.NewSession()).Status
		return status == http.StatusOK || status == refused && f.Oracle.Excused()
	})
	r.Confirms = time.Since(began)
	return r
}

// admits waits until the gates admit.
func (f *Fleet) admits(tb testing.TB, limit time.Duration, gates ...int) {
	tb.Helper()
	live := f.NewSession()
	f.wait(tb, limit, "admit", gates, func(gate int) bool {
		status := f.Request(gate, live).Status
		return status == admitted || status == refused && f.Oracle.Excused()
	})
}

// wait calls done for all gates at the same time until it holds. It fails the test if it
// does not hold for a gate within the limit.
func (f *Fleet) wait(tb testing.TB, limit time.Duration, what string, gates []int, done func(gate int) bool) {
	tb.Helper()
	if len(gates) == 0 {
		for i := range f.Gates {
			gates = append(gates, i)
		}
	}
	failed := make([]bool, len(gates))
	var wait sync.WaitGroup
	for i, gate := range gates {
		wait.Go(func() { failed[i] = !repeat(limit, func() bool { return done(gate) }) })
	}
	wait.Wait()
	for i, gate := range gates {
		if failed[i] {
			tb.Errorf("gate %d does not %s within %v", gate, what, limit)
		}
	}
}

// repeat repeats done until it holds, and reports false if the limit is reached first.
func repeat(limit time.Duration, done func() bool) bool {
	tick := time.NewTicker(retry)
	defer tick.Stop()
	late := time.After(limit)
	for !done() {
		select {
		case <-tick.C:
		case <-late:
			return false
		}
	}
	return true
}
