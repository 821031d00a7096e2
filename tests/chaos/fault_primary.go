package chaos

import (
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// demoted is how long after a failover the sentinel waits before it demotes the old
// primary.
const demoted = 11 * time.Second

// faultsOfPrimary returns the faults of a fleet whose Redis is watched. A planned failover
// loses nothing that was acknowledged: the replica has received everything.
func faultsOfPrimary() []Fault {
	frozen := new(redistest.Server)
	return []Fault{
		{Name: "failed over", Rest: demoted, Begin: failover, End: nothing},
		{
			Name: "failed over, and a gate does not hear of it", Also: OnLink, Longest: 2 * demoted, Rest: demoted,
			Begin: func(tb testing.TB, f *Fleet, gate int, size float64) {
				f.Gates[gate].Link.Hold(ToRedis, ToGate)
				failover(tb, f, gate, size)
			},
			End: onLink((*Link).Release),
		},
		{
			Name: "frozen", Longest: Lease / 2, // after that, it is replaced by an unplanned failover
			Begin: func(tb testing.TB, f *Fleet, _ int, _ float64) { frozen = f.watched.leads(tb); frozen.Freeze() },
			End:   func(testing.TB, *Fleet, int, float64) { frozen.Thaw() },
		},
		{Name: "rid of its clients", Begin: onPrimary("CLIENT", "KILL", "TYPE", "normal"), End: nothing},
		{Name: "rid of its scripts", Begin: onPrimary("SCRIPT", "FLUSH"), End: nothing},
	}
}

func onPrimary(words ...string) func(testing.TB, *Fleet, int, float64) {
	return func(tb testing.TB, f *Fleet, _ int, _ float64) { f.watched.leads(tb).Do(words...) }
}

// failover makes the sentinel promote a replica, as an operator does before maintenance of
// the primary. The old primary does not know about it for some seconds.
func failover(tb testing.TB, f *Fleet, _ int, _ float64) {
	tb.Helper()
	w := f.watched
	old := w.leads(tb)
	harness.Eventually(tb, failoverLimit, "the sentinel begins a failover", func() bool {
		_, err := w.sentinel.Try("SENTINEL", "FAILOVER", master)
		return err == nil
	})
	harness.Eventually(tb, failoverLimit, "a replica is promoted", func() bool { return w.leads(tb) != old })
}
