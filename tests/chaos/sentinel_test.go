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

// master is the name by which the sentinel knows the primary, and failoverLimit is
// for how long a sentinel and its servers may be at it.
const (
	master        = "mymaster"
	failoverLimit = 30 * time.Second
)

// watched is a primary and a replica that a sentinel watches.
type watched struct {
	primary, replica, sentinel *redistest.Server
}

// startWatched starts the three. The replica has a user of its own at the primary,
// so that it can be kept from following.
func startWatched(t *testing.T) *watched {
	t.Helper()
	following := redistest.Config("user replica on >follow ~* &* +@all", "masteruser replica", "masterauth follow",
		"repl-diskless-sync-delay 0")
	w := &watched{primary: redistest.Start(t, following)}
	host, port, err := net.SplitHostPort(w.primary.Addr())
	if err != nil {
		t.Fatal(err)
	}
	w.replica = redistest.Start(t, following, redistest.Config("replicaof "+host+" "+port))
	w.sentinel = redistest.StartSentinel(t, w.primary, master)
	w.sentinel.Do("SENTINEL", "SET", master, "failover-timeout", "2000")
	w.settle(t)
	return w
}

// settle waits until the replica follows the primary and the sentinel knows it.
func (w *watched) settle(t *testing.T) {
	t.Helper()
	harness.Eventually(t, failoverLimit, "the replica follows, and the sentinel knows", func() bool {
		known := fmt.Sprint(w.sentinel.Do("SENTINEL", "REPLICAS", master))
		info := w.replica.Do("INFO", "replication").(string)
		return strings.Contains(info, "master_link_status:up") && strings.Contains(known, "master-link-status ok")
	})
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
		failover func(*watched, *testing.T, *Fleet) []Session
		after    func(*watched)
	}{
		{"F17 a replica is promoted under load", (*watched).handOver, func(*watched) {}},
		{"F10 a replica that lacks the last revocations is promoted", (*watched).dieAhead, func(*watched) {}},
		{"F17 the primary hangs, and goes on when its replica was promoted", (*watched).hang, (*watched).goOn},
	} {
		w := startWatched(t)
		store := "store redis " + w.sentinel.Addr() + " {\nsentinel_master " + master + "\nnamespace chaos\n}"
		play(t, StartGates(t, []string{store, store, store}), []scenario{{s.name, unwitnessed, func(t *testing.T, f *Fleet) {
			ended := s.failover(w, t, f)
			w.promoted(t)
			s.after(w)
			stayOver(t, f, ended)
			f.Redis = w.replica
			checkOnLog(t, f, ended)
		}}})
	}
}

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
