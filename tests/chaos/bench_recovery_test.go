package chaos

import (
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// BenchmarkRecovery measures the time from the end of a fault of Redis until all three
// gates admit, and until they confirm a DELETE. It reports the maximum over the rounds, in
// leases. Gates that hold a lease continue to admit, and take no time.
func BenchmarkRecovery(b *testing.B) {
	f := StartFleet(b, 3, Logged())
	for _, fault := range []struct {
		name       string
		away       time.Duration
		begin, end func(*redistest.Server)
		limit      time.Duration
	}{
		{"frozen_within_a_lease", Lease / 2, (*redistest.Server).Freeze, (*redistest.Server).Thaw, witnessed},
		{"restarted_within_a_lease", Lease / 2, (*redistest.Server).Stop, (*redistest.Server).Restart, witnessed},
		{"flushed", 0, func(redis *redistest.Server) { redis.Do("FLUSHALL") }, func(*redistest.Server) {}, witnessed},
		{"frozen_for_two_leases", 2 * Lease, (*redistest.Server).Freeze, (*redistest.Server).Thaw, witnessed},
		{"restarted_after_two_leases", 2 * Lease, (*redistest.Server).Stop, (*redistest.Server).Restart, unwitnessed},
	} {
		b.Run(fault.name, func(b *testing.B) {
			var slowest Recovery
			for b.Loop() {
				fault.begin(f.Redis)
				lasts(fault.away)
				fault.end(f.Redis)
				r := f.Recovers(b, fault.limit)
				slowest.Admits, slowest.Confirms = max(slowest.Admits, r.Admits), max(slowest.Confirms, r.Confirms)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(slowest.Admits.Seconds()/Lease.Seconds(), "admits-leases")
			b.ReportMetric(slowest.Confirms.Seconds()/Lease.Seconds(), "confirms-leases")
		})
	}
}
