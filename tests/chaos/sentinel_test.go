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
	// master is the name by which the sentinel knows the primary, and failoverLimit
	// is for how long a sentinel and its servers may be at it.
	master        = "mymaster"
	failoverLimit = 30 * time.Second
	// guardedLease is longer than the shortest min-replicas-max-lag, a second.
	guardedLease = 2 * time.Second
	// replaced is how long a fleet may take to recover from a failover: the other
	// replica has to follow the new primary before that takes a write.
	replaced = 4*guardedLease + Slack
)

// minReplicas makes a primary take no writes once no replica follows it.
var minReplicas = redistest.Config("min-replicas-to-write 1", "min-replicas-max-lag 1")

// watched is a primary and its replicas, which a sentinel watches. The sentinel
// promotes the replica that is named.
type watched struct {
	primary, replica, sentinel *redistest.Server
	replicas                   int
}

// startWatched starts a primary with so many replicas. They have a user of their own
// at the primary, so that they can be kept from following.
func startWatched(t *testing.T, replicas int, options ...redistest.Option) *watched {
	t.Helper()
	options = append(options, redistest.Config("user replica on >follow ~* &* +@all", "masteruser replica", "masterauth follow",
		"repl-diskless-sync-delay 0"))
	w := &watched{primary: redistest.Start(t, options...), replicas: replicas}
	w.replica = redistest.StartReplica(t, w.primary, append(options, redistest.Config("replica-priority 1"))...)
	for range replicas - 1 {
		redistest.StartReplica(t, w.primary, options...)
	}
	w.sentinel = redistest.StartSentinel(t, w.primary, master)
	w.sentinel.Do("SENTINEL", "SET", master, "failover-timeout", "2000")
	harness.Eventually(t, failoverLimit, "the sentinel knows that the replicas follow", func() bool {
		known := fmt.Sprint(w.sentinel.Do("SENTINEL", "REPLICAS", master))
		return strings.Count(known, "master-link-status ok") == w.replicas
	})
	return w
}

// store is the `store` of a gate that asks a sentinel at this address.
func (*watched) store(sentinel, words string) string {
	return "store redis " + sentinel + " {\nsentinel_master " + master + "\nnamespace chaos\n" + words + "\n}"
}

// promoted waits until the replica is the primary.
func (w *watched) promoted(t *testing.T) {
	t.Helper()
	harness.Eventually(t, failoverLimit, "the replica is promoted", func() bool {
		named := w.sentinel.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master).([]any)
		return net.JoinHostPort(named[0].(string), named[1].(string)) == w.replica.Addr() &&
			strings.Contains(w.replica.Do("INFO", "replication").(string), "role:master")
	})
}

// Attack: use a session that was ended after the last thing a replica heard before
// it was promoted (F10), or while one primary follows another (F17).
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		name     string
		start    func(*testing.T) (w *watched, words string)
		failover func(*watched, *testing.T, *Fleet) []Session
		after    func(*watched)
	}{
		{"F17 a replica is promoted under load", trio, (*watched).handOver, func(*watched) {}},
		{"F10 a replica that lacks the last revocations is promoted", pair, (*watched).dieAhead, func(*watched) {}},
		{"F17 the primary hangs, and goes on when its replica was promoted", trio, (*watched).hang, (*watched).goOn},
	} {
		w, words := s.start(t)
		store := w.store(w.sentinel.Addr(), words)
		play(t, StartGates(t, []string{store, store, store}, guardedLease), []scenario{{s.name, replaced, func(t *testing.T, f *Fleet) {
			ended := s.failover(w, t, f)
			w.promoted(t)
			s.after(w)
			stayOver(t, f, ended)
			f.Redis = w.replica
			checkOnLog(t, f, ended)
		}}})
	}
}

// trio is what is recommended.
func trio(t *testing.T) (*watched, string) { return startWatched(t, 2, minReplicas), "" }

// pair is a primary that goes on without its replica.
func pair(t *testing.T) (*watched, string) { return startWatched(t, 1), "allow_split_brain" }

// handOver has the primary promote the replica, which has heard everything.
func (w *watched) handOver(t *testing.T, f *Fleet) []Session {
	ended := endSome(t, f)
	w.sentinel.Do("SENTINEL", "FAILOVER", master)
	return ended
}

// dieAhead has the primary take revocations that the replica never hears of, and
// die.
func (w *watched) dieAhead(t *testing.T, f *Fleet) []Session {
	w.primary.Do("ACL", "SETUSER", "replica", "off")
	w.primary.Do("CLIENT", "KILL", "TYPE", "replica")
	ended := endSome(t, f)
	const log = "{session_gate:chaos}:log"
	if had, lacks := w.primary.Do("XLEN", log).(int64), w.replica.Do("XLEN", log).(int64); lacks >= had {
		t.Errorf("the replica has %d entries of %d: it lacks none", lacks, had)
	}
	w.primary.Stop()
	return ended
}

// hang has the primary hang with everything that the gates have sent it, and goOn
// has it answer that later, as if it were the primary still.
func (w *watched) hang(t *testing.T, f *Fleet) []Session {
	ended := endSome(t, f)
	w.primary.Freeze()
	return ended
}

func (w *watched) goOn() { w.primary.Thaw() }
