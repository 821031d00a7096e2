package chaos

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
)

// Attack: use a session at a gate that was killed, frozen or starved when the session was
// ended, or at the same moment.
func TestGateFaults(t *testing.T) {
	t.Parallel()
	play(t, StartFleet(t, 3), []scenario{
		{"killed after the commit", witnessed, killedAfterCommit},
		{"killed before the commit", witnessed, killedBeforeCommit},
		{"frozen for two leases", witnessed, frozen},
		{"starved", witnessed, func(t *testing.T, f *Fleet) {
			f.Gates[1].Starve()
			defer f.Gates[1].Feed()
			for range 5 {
				confirm(t, f, 0, f.NewSession(), confirming)
				confirm(t, f, 2, f.NewSession(), confirming)
			}
		}},
		{"ended under 1000 requests", witnessed, endedUnderRequests},
		{"ended at all gates at once", witnessed, endedAtOnce},
	})
}

// dies ends a session at gate 1 and kills the gate once the condition holds. The client
// gets no answer.
func dies(t *testing.T, f *Fleet, s Session, once func()) {
	t.Helper()
	answered := make(chan Reply, 1)
	go func() { answered <- f.End(1, s) }()
	once()
	f.Gates[1].Kill()
	if reply := <-answered; reply.Status != unanswered {
		t.Errorf("the gate that was killed answered %d", reply.Status)
	}
}

// entryOf returns what the entry of a session in the revocation log contains.
func entryOf(s Session) []byte {
	key := store.NewKey(namespace, store.KindSession, tokentest.Issuer, s.ID)
	return key[:]
}

func killedAfterCommit(t *testing.T, f *Fleet) {
	s := f.NewSession()
	f.Gates[1].Link.HoldAt(entryOf(s), ToGate) // the commit is not answered
	dies(t, f, s, func() { refuses(t, f, s, 0, 2) })
	over(t, f, 0, s)
	f.Gates[1].Link.Release()
	f.Gates[1].Restart()
	refuses(t, f, s)
}

func killedBeforeCommit(t *testing.T, f *Fleet) {
	s := f.NewSession()
	f.Gates[1].Link.HoldAt(entryOf(s), ToRedis)   // the commit is not sent
	dies(t, f, s, func() { refuses(t, f, s, 1) }) // it is applied at the gate itself
	f.Gates[1].Link.Cut()
	f.Gates[1].Link.Release()
	if got := f.Request(0, s).Status; got != admitted {
		t.Errorf("a session whose end was not confirmed is answered %d", got)
	}
	confirm(t, f, 0, s, confirming)
	f.Gates[1].Restart()
	refuses(t, f, s)
}

// frozen: when gate 1 continues, it answers the requests that waited in its sockets with
// its knowledge from two leases ago.
func frozen(t *testing.T, f *Fleet) {
	const waiting = 40
	s := f.NewSession()
	if got := f.Request(1, s).Status; got != admitted {
		t.Fatalf("answered %d", got)
	}
	f.Gates[1].Freeze()
	confirm(t, f, 0, s, confirming)
	confirm(t, f, 2, f.NewSession(), Lease/2+Slack/2) // the frozen gate is off the list
	var wait sync.WaitGroup
	var let atomic.Int64
	for range waiting {
		wait.Go(func() {
			if f.Request(1, s).Status == admitted {
				let.Add(1)
			}
		})
	}
	lasts(Lease)
	f.Gates[1].Thaw()
	wait.Wait()
	if n := let.Load(); n > 0 {
		t.Errorf("%d of the first %d requests were admitted", n, waiting)
	}
}

func endedUnderRequests(t *testing.T, f *Fleet) {
	const requests, clients = 1000, 20
	s := f.NewSession()
	var sent, admittedBefore atomic.Int64
	var wait sync.WaitGroup
	for client := range clients {
		wait.Go(func() {
			for sent.Add(1) <= requests {
				if f.Request(client%len(f.Gates), s).Status == admitted {
					admittedBefore.Add(1)
				}
			}
		})
	}
	repeat(Slack, func() bool { return admittedBefore.Load() > requests/10 })
	over(t, f, 0, s)
	wait.Wait()
	if n := admittedBefore.Load(); n == 0 || n >= requests {
		t.Errorf("%d of %d requests were admitted, want some", n, requests)
	}
}

// endedAtOnce: several clients end a session at the same time. Each is told that it has
// ended, some as a repeat because the gate has just learned of another client's DELETE. One
// of them is the first.
func endedAtOnce(t *testing.T, f *Fleet) {
	confirmed := 0
	for range 10 {
		s := f.NewSession()
		statuses := make([]int, len(f.Gates))
		var wait sync.WaitGroup
		for gate := range f.Gates {
			wait.Go(func() { statuses[gate] = f.End(gate, s).Status })
		}
		wait.Wait()
		first := 0
		for gate, status := range statuses {
			switch status {
			case http.StatusOK:
				first++
				confirmed++
			case http.StatusNotFound:
				confirmed++
			case unavailable: // busy cores
				first++
			default:
				t.Errorf("gate %d answered %d, want 200 or 404", gate, status)
			}
		}
		if first == 0 {
			t.Error("every gate answered 404 for a session that nobody had ended")
		}
		// Later it has ended for all of them.
		f.wait(t, 2*Lease+Slack, "say that the session is over", nil, func(gate int) bool {
			return f.End(gate, s).Status == http.StatusNotFound
		})
	}
	if confirmed < 20 {
		t.Errorf("%d of 30 DELETEs were confirmed", confirmed)
	}
}
