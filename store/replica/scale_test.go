package replica_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// calls returns how often a gate called the store, by method, since the given counts.
func (g *gate) calls(before map[string]int) map[string]int {
	now := make(map[string]int)
	for _, method := range []string{"Heartbeat", "Look", "Publish", "Merge", "Leave", "Append"} {
		now[method] = g.wire.count(method) - before[method]
	}
	return now
}

// The load of an idle gate does not grow with the fleet: at most five heartbeats per
// lease, and reads.
func TestAnIdleGateSendsHeartbeatsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := fleet(t, model.NewServer(1, 100), 20, replica.Options{})
		gates[3].wire.hold("") // one gate is cut off
		before := gates[0].calls(nil)
		time.Sleep(10 * lease)
		for method, n := range gates[0].calls(before) {
			if method == "Heartbeat" && (n < 35 || n > 50) || method != "Heartbeat" && n > 0 {
				t.Errorf("an idle gate called %s %d times in ten leases", method, n)
			}
		}
		if live := gates[0].Status().Gates; live != 19 {
			t.Errorf("%d gates are live, want 19", live)
		}
	})
}

// Fault: Redis comes back empty after more than a lease, and 300 gates hold the same
// revocations. Earlier, every gate kept asking for the turn to merge, and each answer
// listed all gates. Above some number of gates the revocation log was never opened. Now
// one gate merges and the others read the result. Gates do not ask for data that
// heartbeats already return.
func TestALargeFleetRepairsTheLogWithoutAWitness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 300
		server := model.NewServer(1, 100)
		gates := fleet(t, server, n, replica.Options{})
		for i := range 5 {
			revoked, _ := revocation(strconv.Itoa(i))
			mustRevoke(t, gates[i].Replica, revoked)
		}
		own, _ := revocation("held by one alone")
		releases := make([]func(), n)
		for i := range gates {
			releases[i] = gates[i].wire.hold("")
		}
		gates[7].RevokeLater(own)
		server.RestartEmpty()
		time.Sleep(2 * lease)
		before := make([]map[string]int, n)
		for i := range gates {
			releases[i]()
			before[i] = gates[i].calls(nil)
		}
		_, live := revocation("lives on")
		time.Sleep(lease * 5 / 2)
		merges := 0
		for i := range gates {
			wantVerdict(t, gates[i].Replica, live, replica.Clear)
			now := gates[i].calls(before[i])
			merges += now["Merge"]
			if now["Heartbeat"] > 25 || now["Look"] > 0 {
				t.Errorf("gate %d called %v", i, now)
			}
		}
		if merges > 3*n {
			t.Errorf("%d gates called Merge %d times", n, merges)
		}
		if log := server.Log(); len(log) > 4 || !onLog(server, own) {
			t.Errorf("%d entries were merged, want each revocation once", len(log))
		}
	})
}
