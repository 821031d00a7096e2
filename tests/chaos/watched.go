package chaos

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

const (
	// master is the sentinel's name of the primary. failoverLimit is how long a sentinel
	// and its servers may take for a failover.
	master        = "mymaster"
	failoverLimit = 30 * time.Second
	// guardedLease is longer than the shortest min-replicas-max-lag, a second.
	guardedLease = 2 * time.Second
	// replaced is how long a fleet may take to recover from a failover: the other replica
	// must follow the new primary before the primary takes a write.
	replaced = 4*guardedLease + Slack
)

// minReplicas makes a primary refuse writes if no replica follows it.
var minReplicas = redistest.Config("min-replicas-to-write 1", "min-replicas-max-lag 1")

// watched is a primary and its replicas, which a sentinel watches. The sentinel promotes
// the named replica.
type watched struct {
	primary, replica, sentinel *redistest.Server
	servers                    []*redistest.Server // all except the sentinel
}

// startWatched starts a primary with this many replicas. They have their own user at the
// primary, so that a test can stop them from following.
func startWatched(tb testing.TB, replicas int, options ...redistest.Option) *watched {
	tb.Helper()
	options = append(options, redistest.Config("user replica on >follow ~* &* +@all", "masteruser replica", "masterauth follow",
		"repl-diskless-sync-delay 0"))
	w := &watched{primary: redistest.Start(tb, options...)}
	w.replica = redistest.StartReplica(tb, w.primary, append(options, redistest.Config("replica-priority 1"))...)
	w.servers = []*redistest.Server{w.primary, w.replica}
	for range replicas - 1 {
		w.servers = append(w.servers, redistest.StartReplica(tb, w.primary, options...))
	}
	w.sentinel = redistest.StartSentinel(tb, w.primary, master)
	w.sentinel.Do("SENTINEL", "SET", master, "failover-timeout", "2000")
	harness.Eventually(tb, failoverLimit, "the sentinel knows that the replicas follow", w.followed)
	return w
}

// followed reports whether the sentinel sees that all replicas follow the primary.
func (w *watched) followed() bool {
	known := fmt.Sprint(w.sentinel.Do("SENTINEL", "REPLICAS", master))
	return strings.Count(known, "master-link-status ok") == len(w.servers)-1
}

// leads returns the server that the sentinel names as the primary.
func (w *watched) leads(tb testing.TB) *redistest.Server {
	tb.Helper()
	named := w.sentinel.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master).([]any)
	address := net.JoinHostPort(named[0].(string), named[1].(string))
	for _, server := range w.servers {
		if server.Addr() == address {
			return server
		}
	}
	tb.Fatalf("the sentinel names %s, which is no server of the test", address)
	return nil
}

// store returns the `store` of a gate that asks a sentinel at this address.
func (*watched) store(sentinel, words string) string {
	return "store redis " + sentinel + " {\nsentinel_master " + master + "\nnamespace chaos\n" + words + "\n}"
}

// promoted waits until the replica is the primary.
func (w *watched) promoted(tb testing.TB) {
	tb.Helper()
	harness.Eventually(tb, failoverLimit, "the replica is promoted", func() bool {
		return w.leads(tb) == w.replica &&
			strings.Contains(w.replica.Do("INFO", "replication").(string), "role:master")
	})
}
