// Built without the race detector only: hours of simulated time are more events than it
// can count, and then it ends the process.

//go:build !race

package replica_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// everyday is a fleet of three gates under an event that must log no client out.
type everyday struct {
	server *model.Server
	gates  []gate
	clocks []*skewed
	ended  []*store.Keys // tokens of revoked sessions
}

// joins starts a gate with the given error of its wall clock, and adds it to the fleet.
func (e *everyday) joins(t *testing.T, off time.Duration, o replica.Options) *replica.Replica {
	t.Helper()
	clock, w := new(skewed), new(wire)
	clock.step(off)
	o.Clock, o.Lease = clock, calm
	r := start(t, e.server.Connect(w.link), o)
	e.gates, e.clocks = append(e.gates, gate{r, w}), append(e.clocks, clock)
	return r
}

// cut disconnects gates from the store for some time, and then calls during before they
// reconnect.
func (e *everyday) cut(d time.Duration, during func(), gates ...int) {
	var release []func()
	for _, i := range gates {
		release = append(release, e.gates[i].wire.hold(""))
	}
	time.Sleep(d)
	during()
	for _, r := range release {
		r()
	}
}

// end ends a session at a gate. The revocation is made by a correct wall clock.
func (e *everyday) end(t *testing.T, gate int, name string) {
	t.Helper()
	revoked, token := made(name, time.Now())
	mustRevoke(t, e.gates[gate].Replica, revoked)
	e.ended = append(e.ended, token)
}

// endForHours ends a session every half hour, so that most are forgotten by the end.
func (e *everyday) endForHours(t *testing.T, hours int) {
	t.Helper()
	for i := range 2 * hours {
		e.end(t, 0, fmt.Sprint("in half hour ", i))
		time.Sleep(time.Hour / 2)
	}
}

// expire ends sessions that expire one after the other, starting in a minute, and one that
// does not. The revocation log is trimmed from its beginning, so older entries go first.
func (e *everyday) expire(t *testing.T, every time.Duration, n int) {
	t.Helper()
	time.Sleep(kept)
	for i := range n {
		revoked, _ := made(fmt.Sprint("expires ", i), time.Now().Add(time.Minute+time.Duration(i)*every-kept))
		mustRevoke(t, e.gates[i%3].Replica, revoked)
	}
	e.end(t, 0, "ended after these")
}

// steps steps a clock by a second every minute, while sessions expire, are forgotten and
// trimmed. That must not begin a new generation.
func (e *everyday) steps(t *testing.T, step func(by time.Duration)) {
	t.Helper()
	e.expire(t, time.Minute, 60)
	before, length := e.server.Peek().Generation, len(e.server.Log())
	for i := range 100 {
		step([]time.Duration{-time.Second, time.Second, time.Second, -time.Second}[i%4])
		e.end(t, i%3, fmt.Sprint("at step ", i)) // each gate reports it at once
		time.Sleep(time.Minute)
	}
	if after := e.server.Peek().Generation; after != before || len(e.server.Log()) >= length+100 {
		t.Errorf("the log has %d entries after %d, its generation is %v after %v; want it trimmed and the same", len(e.server.Log()), length, after, before)
	}
}

// Fault: an everyday event is taken for a loss, and logs the fleet's clients out. Where it
// matters, a case lasts longer than revocations are kept. Then the revocation log has been
// trimmed, and gates hold entries that are no longer on it.
func TestOrdinaryOperationRaisesNoFloor(t *testing.T) {
	const day, long = 25 * time.Hour, 10 * time.Hour
	raised := keeping(replica.Options{})
	raised.Retention, raised.Lease = 24*retention, calm
	for name, happens := range map[string]func(t *testing.T, e *everyday){
		"a gate is back after 25 h": func(t *testing.T, e *everyday) {
			release := e.gates[2].wire.hold("")
			e.endForHours(t, 25)
			release()
		},
		"a gate is back after 25 h, while the log is repaired without a witness": func(t *testing.T, e *everyday) {
			release := e.gates[2].wire.hold("")
			e.endForHours(t, 25)
			e.cut(2*calm, func() { e.server.Restart(); release() }, 0, 1)
		},
		"every gate is cut off for 25 h, and the store restarts": func(_ *testing.T, e *everyday) {
			e.cut(day, e.server.Restart, 0, 1, 2)
		},
		"the store restarts with its data after two leases, and no gate stays away": func(_ *testing.T, e *everyday) {
			e.cut(2*calm, e.server.Restart, 0, 1, 2)
		},
		"the fleet is scaled to zero, and back after 25 h": func(t *testing.T, e *everyday) {
			for _, g := range e.gates {
				g.Close()
			}
			time.Sleep(day)
			e.gates, e.clocks = nil, nil
			e.joins(t, 0, keeping(replica.Options{}))
		},
		"every gate is killed, the store restarts, and others start": func(t *testing.T, e *everyday) {
			for _, g := range e.gates {
				g.wire.hold("")
			}
			e.server.Restart()
			e.gates, e.clocks = nil, nil
			e.joins(t, 0, keeping(replica.Options{}))
		},
		"a rolling restart takes hours": func(t *testing.T, e *everyday) {
			for i := range e.gates {
				<-e.joins(t, 0, keeping(replica.Options{})).Synced()
				e.gates[i].Close()
				time.Sleep(kept)
			}
			e.gates, e.clocks = e.gates[3:], e.clocks[3:]
		},
		"a gate is missing after restarts, and revocations expire all the time": func(t *testing.T, e *everyday) {
			e.expire(t, 17*time.Second, 120)
			for range 5 {
				release := e.gates[2].wire.hold("")
				e.cut(calm+7*time.Second, e.server.Restart, 0, 1)
				time.Sleep(3 * calm)
				release()
				time.Sleep(calm)
			}
		},
		"the store's clock steps by a second, back and on, for hours": func(t *testing.T, e *everyday) {
			e.steps(t, e.server.StepClock)
		},
		"the clock of a gate steps by a second, back and on, for hours": func(t *testing.T, e *everyday) {
			off := time.Duration(0)
			e.steps(t, func(by time.Duration) { off += by; e.clocks[1].step(off) })
		},
		"a gate that is 10 h ahead joins": func(t *testing.T, e *everyday) {
			<-e.joins(t, long, keeping(replica.Options{})).Synced()
			e.endForHours(t, 3)
		},
		"a gate that is 10 h behind joins": func(t *testing.T, e *everyday) {
			<-e.joins(t, -long, keeping(replica.Options{})).Synced()
			e.endForHours(t, 3)
		},
		"a gate that is 10 h ahead joins while the log is repaired without a witness": func(t *testing.T, e *everyday) {
			e.cut(2*calm, e.server.Restart, 0, 1, 2)
			<-e.joins(t, long, keeping(replica.Options{})).Synced()
		},
		"a gate that is 10 h ahead joins, and everything is deleted": func(t *testing.T, e *everyday) {
			<-e.joins(t, long, keeping(replica.Options{})).Synced()
			time.Sleep(2 * calm)
			e.server.Flush()
		},
		"the retention is raised, and everything is deleted": func(_ *testing.T, e *everyday) {
			e.gates[0].Configure(raised)
			e.server.Flush()
		},
		"everything is deleted, and the retention is raised": func(t *testing.T, e *everyday) {
			e.server.Flush()
			<-e.joins(t, 0, raised).Synced()
		},
		"the retention is raised while the store is away, which comes back empty": func(_ *testing.T, e *everyday) {
			e.cut(2*calm, func() { e.gates[1].Configure(raised); e.server.RestartEmpty() }, 0, 1, 2)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &everyday{server: model.NewServer(1, 100)}
				for range 3 {
					<-e.joins(t, 0, keeping(replica.Options{Leeway: 30 * time.Second})).Synced()
					time.Sleep(20 * time.Second) // so that gates do not sweep at the same time
				}
				time.Sleep(kept + time.Minute) // raised retentions hold no entries any more
				_, live := made("lives on", time.Now())
				live.Expires = 1 << 31
				time.Sleep(time.Minute)
				e.end(t, 0, "ended before")
				happens(t, e)
				time.Sleep(4 * calm)
				<-e.joins(t, 0, keeping(replica.Options{})).Synced()
				for i, g := range e.gates {
					if bounds := g.Status().Bounds; bounds.Floor != 0 {
						t.Errorf("gate %d refuses tokens issued up to %v", i, time.Unix(bounds.Floor, 0))
					}
					wantVerdict(t, g.Replica, live, replica.Clear)
					for _, token := range e.ended {
						if got := g.Check(token, replica.At(time.Now())); got == replica.Clear && token.Expires > time.Now().Unix() {
							t.Errorf("gate %d admits an ended session", i)
						}
					}
				}
			})
		})
	}
}

// Attack: the store loses its data and one gate is missing. A gate joins whose clock is
// off by hours, so that the revocation log would be opened by that clock. It stays closed
// until a correct clock is available. The floor is then the time of the loss.
func TestAClockThatIsWrongOpensNoLossAndRaisesNoFloor(t *testing.T) {
	for name, off := range map[string]time.Duration{"10 h ahead": 10 * time.Hour, "10 h behind": -10 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &everyday{server: model.NewServer(1, 100)}
				o := keeping(replica.Options{Leeway: 30 * time.Second})
				for _, by := range []time.Duration{0, off} {
					<-e.joins(t, by, o).Synced()
				}
				time.Sleep(2 * calm)
				ended, revoked := made("ended before", time.Now())
				ended.Expires, revoked.Expires = 1<<31, 1<<31-1
				mustRevoke(t, e.gates[0].Replica, ended)
				_, live := made("lives on", time.Now())
				live.Expires = 1 << 31
				time.Sleep(calm)
				var lost int64
				e.gates[0].wire.hold("") // it stays away
				e.cut(2*calm, func() {
					e.server.RestartEmpty()
					lost = time.Now().Unix()
				}, 1)
				wrong := e.gates[1]
				time.Sleep(time.Hour)
				if status := wrong.Status(); status.State != store.StateRepair || status.Bounds.Floor != 0 || !status.Skewed {
					t.Errorf("the status is %+v, want an unfinished repair", status)
				}
				wantVerdict(t, wrong.Replica, live, replica.Unavailable)
				e.clocks[1].step(0)
				time.Sleep(4 * calm)
				if floor := wrong.Status().Bounds.Floor; floor < lost+30 || floor > lost+31 {
					t.Errorf("the floor is %d s after the loss, want the leeway of 30 s", floor-lost)
				}
				wantVerdict(t, wrong.Replica, live, replica.ByFloor)
				wantVerdict(t, wrong.Replica, revoked, replica.BySession)
			})
		})
	}
}
