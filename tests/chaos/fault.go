package chaos

import (
	"syscall"
	"testing"
	"time"
)

// Target is what a fault happens to.
type Target int

// The targets. One of them has one fault at a time.
const (
	OnRedis Target = iota
	OnGate         // the process
	OnLink
)

// Fault is something that happens to a fleet and passes.
type Fault struct {
	Name string
	On   Target
	// Loses says that entries which were acknowledged are gone from the log.
	Loses bool
	// Begin starts it, and End ends it; gate is the one that it happens to, if it
	// happens to one. Size, from 0 to 1, is how bad it is.
	Begin, End func(tb testing.TB, f *Fleet, gate int, size float64)
}

// onGate and the like make a fault's function of what needs less.
func onGate(do func(*Gate)) func(testing.TB, *Fleet, int, float64) {
	return func(_ testing.TB, f *Fleet, gate int, _ float64) { do(f.Gates[gate]) }
}

func onLink(do func(*Link)) func(testing.TB, *Fleet, int, float64) {
	return func(_ testing.TB, f *Fleet, gate int, _ float64) { do(f.Gates[gate].Link) }
}

// lasts waits while a fault lasts.
func lasts(d time.Duration) { <-time.After(d) }

func nothing(testing.TB, *Fleet, int, float64) {}

// Faults are those of gates and links, and of Redis.
func Faults() []Fault { return append(faultsOfGates(), faultsOfRedis()...) }

func faultsOfGates() []Fault {
	return []Fault{
		{Name: "frozen", On: OnGate, Begin: onGate((*Gate).Freeze), End: onGate((*Gate).Thaw)},
		{
			Name: "killed", On: OnGate,
			Begin: onGate(func(g *Gate) { g.Kill() }),
			End:   onGate(func(g *Gate) { g.Restart() }),
		},
		{Name: "starved", On: OnGate, Begin: onGate((*Gate).Starve), End: onGate((*Gate).Feed)},
		{Name: "reloaded", On: OnGate, Begin: reload, End: nothing},

		{
			Name: "blackholed", On: OnLink,
			Begin: onLink(func(l *Link) { l.Hold(ToRedis, ToGate) }), End: onLink((*Link).Release),
		},
		{Name: "mute", On: OnLink, Begin: onLink(func(l *Link) { l.Hold(ToRedis) }), End: onLink((*Link).Release)},
		{Name: "deaf", On: OnLink, Begin: onLink(func(l *Link) { l.Hold(ToGate) }), End: onLink((*Link).Release)},
		{
			// What was held back is lost with the connection.
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

// slow delays by up to a quarter of a lease.
func slow(_ testing.TB, f *Fleet, gate int, size float64) {
	f.Gates[gate].Link.Delay(time.Duration(size * float64(Lease) / 4))
}

// reload gives the gate a configuration that decides the same.
func reload(tb testing.TB, f *Fleet, gate int, _ float64) {
	g := f.Gates[gate]
	g.reloads++
	config := g.Config
	config.App += []string{"\nleeway 30s", "\nleeway 31s\ntoken_cache 8MiB"}[g.reloads%2]
	if err := g.Load(tb, config); err != nil {
		tb.Errorf("reloading gate %d: %v", gate, err)
	}
}

// A starved gate runs for starvedRun and stands for starvedStand, in turns.
const starvedRun, starvedStand = 5 * time.Millisecond, 60 * time.Millisecond

// Starve lets the process run for a small part of the time, as a full machine or a
// tight limit does.
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
			_ = syscall.Kill(pid, signal) // ended, the process is starved no more
			if await(over, time.After(lasts)) {
				continue
			}
			_ = syscall.Kill(pid, syscall.SIGCONT)
			return
		}
	}()
}

// Feed ends what Starve began. Another gate is left alone.
func (g *Gate) Feed() {
	if g.feed != nil {
		g.feed()
		g.feed = nil
	}
}
