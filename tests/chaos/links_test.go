package chaos

import (
	"sync"
	"testing"
	"time"
)

// Attack: use a session at a gate that cannot learn that it was ended. With faults of the
// network between a gate and Redis, that gate admits nothing once its lease has expired,
// and the others confirm by then.
func TestLinkFaults(t *testing.T) {
	t.Parallel()
	play(t, StartFleet(t, 3), []scenario{
		{"nothing passes", witnessed, cutOff(func(l *Link) { l.Hold(ToRedis, ToGate) }, (*Link).Release)},
		{"connections are refused", witnessed, cutOff(func(l *Link) { l.Refuse(true) }, func(l *Link) { l.Refuse(false) })},
		{"answers are lost", witnessed, answersLost},
		{"requests are lost, and arrive late", witnessed, requestsLate},
		{"connections are cut while sessions are ended", witnessed, cutWhileEnding},
		{"everything takes longer", witnessed, func(t *testing.T, f *Fleet) {
			// After the previous scenario, reconnecting takes more round trips over such a
			// link than a call has time for.
			var before sync.WaitGroup
			for range 8 {
				before.Go(func() { confirm(t, f, 1, f.NewSession(), confirming) })
			}
			before.Wait()
			f.Gates[1].Link.Delay(Lease / 20)
			for gate := range f.Gates {
				confirm(t, f, gate, f.NewSession(), confirming)
			}
			f.Gates[1].Link.Delay(0)
		}},
	})
}

// cutOff separates gate 1 from Redis.
func cutOff(begin, end func(*Link)) func(*testing.T, *Fleet) {
	return func(t *testing.T, f *Fleet) {
		used, link := f.NewSession(), f.Gates[1].Link
		if got := f.Request(1, used).Status; got != admitted {
			t.Fatalf("answered %d", got)
		}
		begin(link)
		since := time.Now()
		confirm(t, f, 0, used, confirming)
		fenced(t, f, since, 1)
		notConfirmed(t, f, 1, f.NewSession())
		// The gate is off the list: no gate waits for it any more.
		confirm(t, f, 2, f.NewSession(), Lease/2+Slack/2)
		end(link)
	}
}

// answersLost: Redis applies the commit of gate 1, and from then on gate 1 gets no answers.
func answersLost(t *testing.T, f *Fleet) {
	s, link := f.NewSession(), f.Gates[1].Link
	link.HoldAt(entryOf(s), ToGate)
	since := time.Now()
	notConfirmed(t, f, 1, s)
	refuses(t, f, s, 0, 2)
	fenced(t, f, since, 1)
	over(t, f, 2, s)
	link.Release()
}

// requestsLate: requests of gate 1 reach Redis long after gate 1 gave them up.
func requestsLate(t *testing.T, f *Fleet) {
	s, link := f.NewSession(), f.Gates[1].Link
	link.Hold(ToRedis)
	since := time.Now()
	notConfirmed(t, f, 1, s)
	fenced(t, f, since, 1)
	link.Release()
	// Nobody repeats the DELETE: the gate retries until the store has it.
	refuses(t, f, s)
}

// cutWhileEnding resets every connection to Redis at the moment of the DELETE.
func cutWhileEnding(t *testing.T, f *Fleet) {
	for i := range 30 {
		s, gate := f.NewSession(), i%len(f.Gates)
		var both sync.WaitGroup
		both.Go(func() { f.Redis.Do("CLIENT", "KILL", "TYPE", "normal") })
		both.Go(func() { f.End(gate, s) })
		both.Wait()
		over(t, f, gate, s)
	}
}
