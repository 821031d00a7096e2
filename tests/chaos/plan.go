package chaos

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const (
	// often is the mean time from one fault to the next, if there is room for it. seldom is
	// the mean time between faults that lose something.
	often, seldom = 120 * time.Millisecond, 2 * Lease
	// longest is the longest duration of a fault. Most are much shorter.
	longest = 5 * Lease / 2
	// rest is how long a target has no fault after one. calm is how long Redis and a
	// guardian have no fault before they lose something.
	rest, calm = 30 * time.Millisecond, Lease
)

// Step is one fault of a plan.
type Step struct {
	Fault     Fault
	At, Until time.Duration // after the beginning
	// Gate is the target. If the revocation log loses something, Gate is the guardian: a
	// gate that holds all of it, and puts it back. README, Not promised: entries that the
	// store lost and that no gate merging within two leases holds.
	Gate int
	Size float64
}

// String describes the step.
func (s Step) String() string {
	switch {
	case s.Fault.On == OnGate:
		return fmt.Sprintf("gate %d is %s", s.Gate, s.Fault.Name)
	case s.Fault.On == OnLink:
		return fmt.Sprintf("the link of gate %d is %s", s.Gate, s.Fault.Name)
	case s.Fault.On == OnGateClock:
		return fmt.Sprintf("the clock of gate %d is %s: by %v", s.Gate, s.Fault.Name, step(s.Size))
	case s.Fault.Also == OnLink:
		return fmt.Sprintf("redis is %s: gate %d", s.Fault.Name, s.Gate)
	case s.Fault.On == OnRedisClock && s.Fault.Also == OnGateClock:
		return fmt.Sprintf("the clock of redis is %s, gate %d: by %v", s.Fault.Name, s.Gate, forgets)
	case s.Fault.On == OnRedisClock:
		return fmt.Sprintf("the clock of redis is %s: by %v", s.Fault.Name, step(s.Size))
	case s.Fault.Loses:
		return fmt.Sprintf("redis is %s; gate %d holds what it lost", s.Fault.Name, s.Gate)
	default:
		return "redis is " + s.Fault.Name
	}
}

// place is one target of a fleet.
type place struct {
	on   Target
	gate int
}

// span is the time for which a place has a fault.
type span struct {
	place
	from, to time.Duration
}

// takes returns the places that must not have another fault at the same time.
func (s Step) takes() []span {
	to := s.Until + max(rest, s.Fault.Rest)
	on := func(target Target, from time.Duration) span {
		gate := s.Gate
		if target == OnRedis || target == OnRedisClock {
			gate = 0
		}
		return span{place{target, gate}, from, to}
	}
	if s.Fault.Loses {
		from := s.At - calm
		return []span{on(OnRedis, from), on(OnGate, from), on(OnLink, from), on(OnGateClock, from)}
	}
	taken := []span{on(s.Fault.On, s.At)}
	if s.Fault.Also != OnRedis {
		taken = append(taken, on(s.Fault.Also, s.At))
	}
	return taken
}

// Plan draws faults that overlap, for a number of gates and a length of time. A seed always
// gives the same plan.
func Plan(seed uint64, length time.Duration, gates int, faults []Fault) []Step {
	random := rand.New(rand.NewPCG(seed, 0))
	var plan []Step
	var taken []span
	draw := func(from []Fault, every time.Duration) {
		for at := time.Duration(0); at < length; at += time.Duration(random.ExpFloat64() * float64(every)) {
			lasts := random.Float64() * random.Float64()
			s := Step{Fault: from[random.IntN(len(from))], Gate: random.IntN(gates), Size: random.Float64(), At: at}
			s.Until = min(at+time.Duration(lasts*float64(cmp.Or(s.Fault.Longest, longest))), length)
			takes := s.takes()
			if !slices.ContainsFunc(takes, func(a span) bool {
				return slices.ContainsFunc(taken, func(b span) bool { return a.place == b.place && a.from < b.to && b.from < a.to })
			}) {
				plan, taken = append(plan, s), append(taken, takes...)
			}
		}
	}
	// Faults that need much room come first.
	rare, others := split(faults)
	draw(rare, seldom)
	draw(others, often)
	slices.SortStableFunc(plan, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	return plan
}

// split separates the faults that lose something, replace the primary or step a clock from
// the others.
func split(faults []Fault) (rare, others []Fault) {
	for _, f := range faults {
		if f.Loses || f.Rest != 0 || f.Longest == wrong {
			rare = append(rare, f)
		} else {
			others = append(others, f)
		}
	}
	return rare, others
}

// Play plays a plan, and returns the number of faults.
func Play(tb testing.TB, f *Fleet, plan []Step) int {
	tb.Helper()
	type event struct {
		at    time.Duration
		step  Step
		begin bool
	}
	var events []event
	for _, s := range plan {
		events = append(events, event{s.At, s, true}, event{s.Until, s, false})
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	began, happened, left := time.Now(), 0, make(map[string]bool)
	for _, e := range events {
		<-time.After(e.at - time.Since(began))
		name := e.step.String()
		switch {
		case e.begin && e.step.Fault.Loses && f.Request(e.step.Gate, f.NewSession()).Status != admitted:
			// The gate may lack some confirmed entries.
			left[name] = true
		case e.begin:
			tb.Logf("%9v  %s, for %v", f.Oracle.since(time.Now()), name, e.step.Until-e.step.At)
			e.step.Fault.Begin(tb, f, e.step.Gate, e.step.Size)
			happened++
		case left[name]:
			delete(left, name)
		default:
			e.step.Fault.End(tb, f, e.step.Gate, e.step.Size)
			if e.step.Fault.Loses {
				// The next faults wait until the revocation log holds everything again.
				// Before that, the guardian may admit with its old lease, but confirm
				// nothing.
				paused := time.Now()
				f.Recovers(tb, 3*f.lease+Slack, e.step.Gate)
				began = began.Add(time.Since(paused))
			}
		}
	}
	return happened
}
