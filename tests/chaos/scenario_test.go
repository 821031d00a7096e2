package chaos

import (
	"net/http"
	"testing"
	"time"
)

const (
	// witnessed is how long a fleet may take to recover if the generation of the revocation
	// log is kept, or a gate can confirm all of its contents. unwitnessed is the limit
	// otherwise.
	witnessed, unwitnessed = Lease + Slack, 3*Lease + Slack
	// confirming is how long a DELETE may take that has to wait for a gate that does not
	// answer: a lease and a tenth, and the time that busy cores add.
	confirming = Lease*11/10 + Slack/2
)

// scenario is one fault, with the promises while it lasts and after it.
type scenario struct {
	name     string
	recovers time.Duration // after the end of run
	run      func(t *testing.T, f *Fleet)
}

// play runs scenarios one after the other on one fleet, each under traffic. An oracle
// checks the promise for every request, and the fleet has to recover in time.
func play(t *testing.T, f *Fleet, scenarios []scenario) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			f.Oracle = NewOracle()
			traffic := StartTraffic(t, f)
			s.run(t, f)
			r := f.Recovers(t, s.recovers)
			traffic.Stop()
			f.Check(t)
			t.Logf("admits again after %v, confirms after %v; %v", r.Admits, r.Confirms, &traffic.Figures)
		})
	}
}

// confirm ends a session at a gate, and fails the test unless the gate confirms that within
// the limit.
func confirm(t *testing.T, f *Fleet, gate int, s Session, limit time.Duration) {
	t.Helper()
	switch reply := f.End(gate, s); {
	case reply.Status != http.StatusOK:
		t.Errorf("gate %d answered %d to a DELETE, want 200", gate, reply.Status)
	case reply.Took() > limit:
		t.Errorf("gate %d confirmed a DELETE after %v, the limit is %v", gate, reply.Took(), limit)
	default:
		t.Logf("gate %d confirmed a DELETE after %v", gate, reply.Took())
	}
}

// over ends a session, which may have ended already, at a gate until the gate promises that
// it has ended.
func over(t *testing.T, f *Fleet, gate int, s Session) {
	t.Helper()
	if !repeat(unwitnessed, func() bool {
		status := f.End(gate, s).Status
		return status == http.StatusOK || status == http.StatusNotFound
	}) {
		t.Errorf("gate %d does not confirm the end of a session", gate)
	}
}

// notConfirmed ends a session at a gate that cannot know whether all others know the
// revocation.
func notConfirmed(t *testing.T, f *Fleet, gate int, s Session) {
	t.Helper()
	if reply := f.End(gate, s); reply.Status != unavailable {
		t.Errorf("gate %d answered %d to a DELETE, want 503", gate, reply.Status)
	} else if reply.Took() > 2*Lease+time.Second+Slack {
		t.Errorf("gate %d answered a DELETE after %v, two leases and a second are promised", gate, reply.Took())
	}
}

// refuses waits until gates refuse a session.
func refuses(t *testing.T, f *Fleet, s Session, gates ...int) {
	t.Helper()
	f.wait(t, unwitnessed, "refuse a session that was ended", gates, func(gate int) bool {
		return f.Request(gate, s).Status == refused
	})
}

// fenced fails the test if gates that get no answer from the store since an instant admit a
// request that begins a lease later.
func fenced(t *testing.T, f *Fleet, since time.Time, gates ...int) {
	t.Helper()
	live := f.NewSession()
	f.wait(t, 2*Lease+Slack, "refuse everything", gates, func(gate int) bool {
		reply := f.Request(gate, live)
		late := reply.Began.Sub(since)
		if late > Lease && reply.Status != unavailable {
			t.Errorf("gate %d answered %d %v after the store's last answer", gate, reply.Status, late)
		}
		return late > Lease*3/2
	})
}

// endSome ends sessions at all gates and returns them.
func endSome(t *testing.T, f *Fleet) []Session {
	t.Helper()
	some := make([]Session, 12)
	for i := range some {
		some[i] = f.NewSession()
		over(t, f, i%len(f.Gates), some[i])
	}
	return some
}

// stayOver fails the test unless the gates refuse the sessions. No gates mean all gates.
func stayOver(t *testing.T, f *Fleet, sessions []Session, gates ...int) {
	t.Helper()
	for _, s := range sessions {
		refuses(t, f, s, gates...)
		if t.Failed() {
			return // the others would take as long
		}
	}
}
