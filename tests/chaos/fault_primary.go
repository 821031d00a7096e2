package chaos

import (
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// demoted is for how long after a failover the sentinel leaves the old primary one.
const demoted = 11 * time.Second

// faultsOfPrimary are for a fleet whose Redis is watched. Nothing that was acknowledged
// is lost by a planned failover: the replica has heard everything.
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
			Name: "frozen", Longest: Lease / 2, // longer, it is replaced without a plan
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

// failover has the sentinel promote a replica, as an operator does before he works at
// the primary. Nobody tells that one for some seconds.
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
