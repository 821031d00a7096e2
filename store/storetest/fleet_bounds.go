package storetest

import (
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// near reports whether a second is that of now plus by, within the time that a test
// takes.
func near(second int64, by time.Duration) bool {
	off := second - time.Now().Add(by).Unix()
	return off > -60 && off < 60
}

func publishUntil(t *testing.T, f store.Fleet, expires time.Time, name string) {
	t.Helper()
	if _, err := f.Publish(t.Context(), session(name, expires.Unix())); err != nil {
		t.Fatalf("Publish: %v", err)
	}
}

func mustTrim(t *testing.T, f store.Fleet, now time.Time) {
	t.Helper()
	if err := f.Trim(t.Context(), now); err != nil {
		t.Fatalf("Trim: %v", err)
	}
}

func raisesRetention(t *testing.T, place FleetPlace) {
	f := join(t, place)
	openLog(t, f)
	position := look(t, f).Position
	const hour, margin = time.Hour, 11 * time.Minute
	held := store.Bounds{}
	for i, step := range []struct {
		what      string
		hours     time.Duration
		want      time.Duration
		held      time.Duration // from now on, if it is raised
		forgotten time.Duration // before now, if it is raised
	}{
		{what: "the first keeps what is there", hours: 24, want: 24, held: 24*hour + margin},
		{what: "a shorter one changes nothing", hours: 12, want: 24},
		{what: "a longer one is a raise", hours: 48, want: 48, held: 48*hour + margin, forgotten: 24 * hour},
		{what: "the same one is none", hours: 48, want: 48},
		{what: "a longer one is a raise again", hours: 72, want: 72, held: 72*hour + margin, forgotten: 48 * hour},
	} {
		answer := send(t, f, store.Heartbeat{
			Gate: store.GateID(i + 1), Applied: position, Lease: lease, Retention: step.hours * hour, Margin: margin,
		})
		if answer.Retention != step.want*hour {
			t.Errorf("%s: retention %v, want %vh", step.what, answer.Retention, int(step.want))
		}
		if step.held > 0 != (answer.Hold > held.Hold) || step.held > 0 && !near(answer.Hold, step.held) {
			t.Errorf("%s: nothing is forgotten before %d, was %d", step.what, answer.Hold, held.Hold)
		}
		// A later retention counts from the second up to which the earlier one has
		// forgotten.
		if step.forgotten == 24*hour && !near(answer.Forgotten, -step.forgotten) || step.forgotten == 0 && answer.Forgotten != held.Forgotten {
			t.Errorf("%s: tokens up to %d are refused, was %d", step.what, answer.Forgotten, held.Forgotten)
		}
		if now := answer.Now; !near(now, 0) {
			t.Errorf("%s: the store's clock says %d", step.what, now)
		}
		held = answer.Bounds
	}
	if seen := look(t, f).Bounds; seen != held {
		t.Errorf("Look returned %+v, a heartbeat %+v", seen, held)
	}
}

// Fault: a retention is raised while the store's clock, or the gate's, is days off. Tokens
// issued before the forgotten entries are refused, by the earlier clock. The later clock
// would log out every client for days. Entries are held by the later clock.
func raisesRetentionByTwoClocks(t *testing.T, place FleetPlace) {
	f := join(t, place)
	openLog(t, f)
	position := look(t, f).Position
	const hour = time.Hour
	send(t, f, store.Heartbeat{Gate: 1, Applied: position, Lease: lease, Retention: hour})
	for i, off := range []time.Duration{-60 * hour, 60 * hour} { // the gate's clock against the store's
		beat := store.Heartbeat{Gate: 1, Applied: position, Lease: lease, Retention: time.Duration(i+2) * hour}
		beat.Now = time.Now().Add(off).Unix()
		answer := send(t, f, beat)
		if forgotten := min(off, 0) - hour; off < 0 && !near(answer.Forgotten, forgotten) || off > 0 && !near(answer.Forgotten, -2*hour) {
			t.Errorf("with a clock error of %v, tokens up to %d are refused", off, answer.Forgotten)
		}
		if held := max(off, 0) + beat.Retention; !near(answer.Hold, held) {
			t.Errorf("with a clock error of %v, nothing is forgotten before %d", off, answer.Hold)
		}
	}
}

// Attack: revocations are trimmed while the retention is being raised, and tokens
// that live longer are admitted again.
func holdsWhatIsRaised(t *testing.T, place FleetPlace) {
	f := join(t, place)
	publishUntil(t, f, time.Now().Add(-time.Minute), "expired")
	position := look(t, f).Position
	beat := store.Heartbeat{Gate: 1, Applied: position, Lease: lease, Retention: time.Hour}
	send(t, f, beat)
	mustTrim(t, f, time.Now().Add(time.Hour))
	if left, _ := readLeft(t, f); len(left) != 1 {
		t.Errorf("%d entries are left before the end of the hold, want 1", len(left))
	}
}

// Attack: a gate whose wall clock is a day ahead trims the log for all others.
func trimsByTheEarlierClock(t *testing.T, place FleetPlace) {
	f := join(t, place)
	publishUntil(t, f, time.Now().Add(-time.Minute), "expired")
	publishUntil(t, f, time.Now().Add(time.Hour), "live")
	mustTrim(t, f, time.Now().Add(27*time.Hour))
	if left, _ := readLeft(t, f); len(left) != 1 {
		t.Errorf("%d entries are left after a trim by a clock that is ahead, want the unexpired one", len(left))
	}
	answer := beat(t, f, 1, look(t, f).Position)
	if !near(answer.Swept, 0) {
		t.Errorf("the log was trimmed up to %d, want the store's time", answer.Swept)
	}
}

// Rule R12: a lost head takes the longest lease that a gate knows, and the other settings
// that gates know.
func takesWhatGatesKnow(t *testing.T, place FleetPlace) {
	f := join(t, place)
	position := look(t, f).Position
	known := store.Bounds{Forgotten: 5, Floor: 6, Hold: 7, Lowered: 4}
	send(t, f, store.Heartbeat{Gate: 1, Applied: position, Lease: time.Second, Retention: time.Hour})
	answer := send(t, f, store.Heartbeat{
		Gate: 2, Applied: position, Lease: time.Minute, Longest: 2 * time.Minute, Retention: 3 * time.Hour, Bounds: known,
	})
	if answer.Lease != time.Minute || answer.Longest != 2*time.Minute {
		t.Errorf("the lease is %v and the longest %v, want those of the gate that knows the fleet", answer.Lease, answer.Longest)
	}
	if answer.Forgotten != known.Forgotten || answer.Floor != known.Floor || answer.Lowered != known.Lowered || answer.Hold < known.Hold {
		t.Errorf("the bounds are %+v, want those that a gate knew; a new head sees no raise", answer.Bounds)
	}
	const early = 1000
	third := store.Heartbeat{Gate: 3, Applied: position, Lease: time.Minute, Bounds: store.Bounds{Swept: early}}
	if answer = send(t, f, third); answer.Swept != early {
		t.Errorf("in repair, Swept is %d, want that of the gate: %d", answer.Swept, early)
	}
	third.Bounds.Swept = time.Now().Add(27 * time.Hour).Unix()
	if answer = send(t, f, third); !near(answer.Swept, 0) {
		t.Errorf("with a gate's clock ahead, Swept is %d, want the store's time", answer.Swept)
	}
	if answer := beat(t, f, 3, position); answer.Lease != time.Minute {
		t.Errorf("a gate that knows no fleet made the lease %v", answer.Lease)
	}
}

// Rule R12: waits are as long as before until every lease that was granted before has
// expired.
func shortensLease(t *testing.T, place FleetPlace) {
	f := join(t, place)
	position := look(t, f).Position
	send(t, f, store.Heartbeat{Gate: 1, Applied: position, Lease: time.Second, Longest: time.Minute})
	openLog(t, f)
	position = look(t, f).Position
	changed, err := f.SetLease(t.Context(), time.Second)
	if err != nil || changed.Lease != time.Second || changed.Longest != time.Minute {
		t.Fatalf("after the lease was lowered the head is %+v, error %v", changed, err)
	}
	other := store.Position{Generation: position.Generation ^ 2, Seq: position.Seq}
	for name, beat := range map[string]store.Heartbeat{
		"a gate that says nothing":                     {Gate: 1, Applied: position, Lease: time.Second},
		"a gate of another generation":                 {Gate: 1, Applied: other, Lease: time.Second, Shortened: true},
		"a gate that has not heard of the present one": {Gate: 1, Applied: position, Lease: 2 * time.Second, Shortened: true},
	} {
		if answer := send(t, f, beat); answer.Longest != time.Minute {
			t.Errorf("%s made the longest lease %v", name, answer.Longest)
		}
	}
	answer := send(t, f, store.Heartbeat{Gate: 1, Applied: position, Lease: time.Second, Shortened: true})
	if answer.Lease != time.Second || answer.Longest != time.Second {
		t.Errorf("the lease is %v and the longest %v, want a second", answer.Lease, answer.Longest)
	}
	raised, err := f.SetLease(t.Context(), 2*time.Minute)
	if err != nil || raised.Lease != 2*time.Minute || raised.Longest != 2*time.Minute {
		t.Errorf("after the lease was raised the head is %+v, error %v", raised, err)
	}
}

// The floor is raised if a gate knows that revocations were lost and not all gates that
// may know more have merged, and never otherwise.
func raisesFloor(t *testing.T, place FleetPlace) {
	for _, c := range []struct {
		what   string
		merges []store.Merge
		raised bool
	}{
		{"no gate knows an earlier log", []store.Merge{{}}, false},
		{"nothing is missing", []store.Merge{{Before: 3}}, false},
		{"all gates that know an earlier log have merged", []store.Merge{{Before: 2, Lacks: true}, {Before: 2}}, false},
		{"one gate has not merged", []store.Merge{{Before: 3, Lacks: true}, {Before: 3}}, true},
		{"one merges twice, for another that has not", []store.Merge{{Before: 2, Lacks: true}, {Before: 2, Gate: 1}}, true},
		{"a witness opens it", []store.Merge{{Before: 3, Lacks: true}, {Before: 3, Witness: true}}, false},
		{"the operator wants it", []store.Merge{{Relogin: true}}, true},
		{"the clocks are apart, and nothing is lost", []store.Merge{{Before: 3, Skewed: true}}, false},
		{"the operator wants it, and there is a witness", []store.Merge{{Relogin: true, Witness: true}}, false},
	} {
		place.Flush()
		f := join(t, place)
		generation := look(t, f).Generation
		send(t, f, store.Heartbeat{Gate: 9, Leeway: 5 * time.Minute, Lease: lease})
		for i, m := range c.merges {
			if m.Gate == 0 {
				m.Gate = store.GateID(i + 1)
			}
			m.Generation, m.Then = generation, store.Release
			if i == len(c.merges)-1 {
				m.Then = store.Open
			}
			if _, done := merge(t, f, m); !done {
				t.Fatalf("%s: merge %d was not done", c.what, i)
			}
		}
		floor := look(t, f).Floor
		if c.raised != (floor != 0) || c.raised && !near(floor, 5*time.Minute) {
			t.Errorf("%s: the floor is %d, want a floor: %t", c.what, floor, c.raised)
		}
	}
}

// A gate does not open a log that needs a floor if its clock or the store's is wrong.
func opensNoLossByAWrongClock(t *testing.T, place FleetPlace) {
	f := join(t, place)
	generation := look(t, f).Generation
	wrong := store.Merge{Gate: 1, Generation: generation, Before: 2, Lacks: true, Skewed: true, Then: store.Open}
	head, done := merge(t, f, wrong)
	if done || head.State != store.StateRepair || head.Turn.Gate != 0 || head.Floor != 0 {
		t.Errorf("opening a log that lost entries with a wrong clock: done %v, head %+v", done, head)
	}
	right := store.Merge{Gate: 2, Generation: generation, Before: 3, Then: store.Open}
	if head, done := merge(t, f, right); !done || head.State != store.StateOpen || !near(head.Floor, 0) {
		t.Errorf("opening it with a correct clock: done %v, head %+v", done, head)
	}
}
