package redisstore_test

import (
	"flag"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/store/replica"
)

var (
	fleetSize = flag.Int("gates", 1000, "how many gates BenchmarkLargeFleet has")
	fleetBy   = flag.String("acknowledge", "fleet", "what the gates of BenchmarkLargeFleet acknowledge by: fleet or lease")
)

// fleetLease is that of the large fleet: the default one.
const fleetLease = 3 * time.Second

// BenchmarkLargeFleet runs a fleet of many gates on one Redis, all in this process. It
// measures the load of Redis while they are idle, and the time of a revocation. It also
// measures how long they refuse requests after an outage of more than a lease, if Redis
// comes back empty. It fails beyond the documented limits: a quarter of a core, a quarter
// of a lease, and four leases.
func BenchmarkLargeFleet(b *testing.B) {
	server := redistest.Start(b, redistest.Config("maxclients 50000"))
	gates := startGates(b, server, *fleetSize)
	for b.Loop() {
		idle(b, server, gates)
		revokeInTurn(b, server, gates)
		repair(b, server, gates)
	}
}

// startGates starts gates and waits until they admit and the log is settled.
func startGates(b *testing.B, server *redistest.Server, n int) []*replica.Replica {
	b.Helper()
	options := replica.Options{Lease: fleetLease, Retention: time.Hour}
	if *fleetBy == "lease" {
		options.Acknowledge = replica.AcknowledgeLease
	}
	gates := make([]*replica.Replica, n)
	for i := range gates {
		s := open(b, redisstore.Options{Addresses: []string{server.Addr()}})
		gates[i] = replica.New(s, options)
		b.Cleanup(gates[i].Close)
	}
	for _, gate := range gates {
		<-gate.Synced()
	}
	awaitAll(b, gates, func(s replica.Status) bool { return s.State == store.StateSettled })
	return gates
}

// awaitAll waits until all gates meet a condition, and returns the elapsed time.
func awaitAll(b *testing.B, gates []*replica.Replica, wanted func(replica.Status) bool) time.Duration {
	b.Helper()
	began, tick := time.Now(), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for _, gate := range gates {
		for !wanted(gate.Status()) {
			if <-tick.C; time.Since(began) > 20*fleetLease {
				b.Fatalf("after %v a gate is %+v", time.Since(began), gate.Status())
			}
		}
	}
	return time.Since(began)
}

// idle measures an idle fleet for four leases.
func idle(b *testing.B, server *redistest.Server, gates []*replica.Replica) {
	b.Helper()
	used, here, began := cpuOf(b, server), cpuHere(b), time.Now()
	<-time.After(4 * fleetLease)
	took := time.Since(began)
	cores := float64(cpuOf(b, server)-used) / float64(took)
	b.ReportMetric(cores, "idle-redis-cores")
	b.ReportMetric(float64(cpuHere(b)-here)/float64(took), "idle-gates-cores")
	if cores > 0.25 {
		b.Errorf("%d idle gates cost Redis %.2f of a core", len(gates), cores)
	}
}

// revokeInTurn revokes a hundred sessions one after another, each at another gate.
func revokeInTurn(b *testing.B, server *redistest.Server, gates []*replica.Replica) {
	b.Helper()
	revocations := 100
	if *fleetBy == "lease" {
		revocations = 4
	}
	var took []time.Duration
	used, here := cpuOf(b, server), cpuHere(b)
	for i := range revocations {
		began := time.Now()
		if err := gates[i*7%len(gates)].Revoke(b.Context(), revocation(strconv.Itoa(i))); err != nil {
			b.Fatalf("Revoke: %v", err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	last := took[len(took)*99/100]
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "revoke-p50-ms")
	b.ReportMetric(float64(last.Milliseconds()), "revoke-p99-ms")
	b.ReportMetric(float64((cpuOf(b, server)-used).Milliseconds())/float64(len(took)), "revoke-redis-ms")
	b.ReportMetric(float64((cpuHere(b)-here).Milliseconds())/float64(len(took)), "revoke-gates-ms")
	if *fleetBy == "fleet" && last > fleetLease/4 {
		b.Errorf("a revocation in a fleet of %d gates takes %v", len(gates), last)
	}
}

// repair brings Redis back empty after every lease has expired, so that no gate is a
// witness.
func repair(b *testing.B, server *redistest.Server, gates []*replica.Replica) {
	b.Helper()
	server.Stop()
	awaitAll(b, gates, func(s replica.Status) bool { return s.Fenced })
	server.Restart()
	used, began := cpuOf(b, server), time.Now()
	took := awaitAll(b, gates, func(s replica.Status) bool { return !s.Fenced })
	b.ReportMetric(took.Seconds()/fleetLease.Seconds(), "repair-leases")
	b.ReportMetric(float64(cpuOf(b, server)-used)/float64(time.Since(began)), "repair-redis-cores")
	if took > 4*fleetLease {
		b.Errorf("%d gates refuse for %v after Redis is back", len(gates), took)
	}
}
