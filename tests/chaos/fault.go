package chaos

import (
	"syscall"
	"testing"
	"time"
)

// Target is the part of a fleet that has a fault.
type Target int

// The targets. Each has at most one fault at a time.
const (
	OnRedis Target = iota
	OnGate         // the process
	OnLink
	OnGateClock
	OnRedisClock
)

// Fault is a temporary fault of a fleet.
type Fault struct {
	Name string
	On   Target
	// Loses reports whether acknowledged entries are lost from the revocation log.
	Loses bool
	// Also is a second target, if it is not OnRedis.
	Also Target
	// Longest is the longest duration of the fault. Rest is how long its target has no
	// other fault after it. Default: longest and rest.
	Longest, Rest time.Duration
	// Begin starts the fault, and End ends it. gate is the target if the target is a gate.
	// Size, from 0 to 1, is how severe the fault is.
	Begin, End func(tb testing.TB, f *Fleet, gate int, size float64)
}

// OfClocks reports whether a clock is stepped.
func (f Fault) OfClocks() bool { return f.On == OnGateClock || f.On == OnRedisClock }

// onGate and similar functions adapt functions with fewer parameters.
func onGate(do func(*Gate)) func(testing.TB, *Fleet, int, float64) {
	return func(_ testing.TB, f *Fleet, gate int, _ float64) { do(f.Gates[gate]) }
}

func onLink(do func(*Link)) func(testing.TB, *Fleet, int, float64) {
	return func(_ testing.TB, f *Fleet, gate int, _ float64) { do(f.Gates[gate].Link) }
}

// lasts waits while a fault lasts.
func lasts(d time.Duration) { <-time.After(d) }

func nothing(testing.TB, *Fleet, int, float64) {}

// Faults returns the faults that may happen to a fleet: of gates and links, of Redis or of
// a primary with replicas, and of clocks.
func (f *Fleet) Faults() []Fault {
	faults := append(faultsOfGates(), faultsOfRedis()...)
	if f.watched != nil {
		faults = append(faultsOfGates(), faultsOfPrimary()...)
	}
	return append(faults, f.faultsOfClocks()...)
}

func faultsOfGates() []Fault {
	return []Fault{
		{Name: "frozen", On: OnGate, Begin: onGate((*Gate).Freeze), End: onGate((*Gate).Thaw)},
		{
			Name: "killed", On: OnGate,
			Begin: onGate(func(g *Gate) { g.Kill() }),
			End:   onGate(func(g *Gate) { g.Restart() }),
		},
		{Name: "starved", On: OnGate, Begin: onGate((*Gate).Starve), End: onGate((*Gate).Feed)},
		{Name: "reloaded", On: OnGate, Begin: reconfigure, End: nothing},
		{Name: "told another lease", On: OnGate, Begin: lease, End: nothing},

		{
			Name: "blackholed", On: OnLink,
			Begin: onLink(func(l *Link) { l.Hold(ToRedis, ToGate) }), End: onLink((*Link).Release),
		},
		{Name: "mute", On: OnLink, Begin: onLink(func(l *Link) { l.Hold(ToRedis) }), End: onLink((*Link).Release)},
		{Name: "deaf", On: OnLink, Begin: onLink(func(l *Link) { l.Hold(ToGate) }), End: onLink((*Link).Release)},
		{
			// Data that was held back is lost with the connection.
			Name: "deaf, then cut", On: OnLink,
			Begin: onLink(func(l *Link) { l.Hold(ToGate) }),
			End:   onLink(func(l *Link) { l.Cut(); l.Release() }),
		},
		{
			Name: "slow", On: OnLink, Begin: slow,
			End: onLink(func(l *Link) { l.Delay(0) }),
		},
		{Name: "cut", On: OnLink, Begin: onLink((*Link).Cut), End: nothing},
		{
			Name: "refused", On: OnLink,
			Begin: onLink(func(l *Link) { l.Refuse(true) }),
			End:   onLink(func(l *Link) { l.Refuse(false) }),
		},
	}
}

// slow delays traffic by up to a quarter of a lease.
func slow(_ testing.TB, f *Fleet, gate int, size float64) {
	f.Gates[gate].Link.Delay(time.Duration(size * float64(Lease) / 4))
}

// reload gives the gate an equivalent configuration.
func reload(tb testing.TB, f *Fleet, gate int, _ float64) {
	g := f.Gates[gate]
	g.reloads++
	config := g.Config
	config.App += []string{"\nleeway 30s", "\nleeway 31s\ntoken_cache 8MiB"}[g.reloads%2]
	if err := g.Load(tb, config); err != nil {
		tb.Errorf("reloading gate %d: %v", gate, err)
	}
}

// A starved gate runs for starvedRun and is stopped for starvedStand, in turns.
const starvedRun, starvedStand = 5 * time.Millisecond, 60 * time.Millisecond

// Starve lets the process run for a small part of the time, as on an overloaded machine or
// under a tight limit.
func (g *Gate) Starve() {
	pid, over, ended := g.PID(), make(chan struct{}), make(chan struct{})
	g.feed = func() { close(over); <-ended }
	go func() {
		defer close(ended)
		for running := true; ; running = !running {
			signal, lasts := syscall.SIGSTOP, starvedStand
			if !running {
				signal, lasts = syscall.SIGCONT, starvedRun
			}
			_ = syscall.Kill(pid, signal) // a process that has ended needs no more signals
			if await(over, time.After(lasts)) {
				continue
			}
			_ = syscall.Kill(pid, syscall.SIGCONT)
			return
		}
	}()
}

// Feed ends the effect of Starve. It does nothing for a gate that is not starved.
func (g *Gate) Feed() {
	if g.feed != nil {
		g.feed()
		g.feed = nil
	}
}
