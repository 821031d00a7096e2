package redisstore_test

import (
	"errors"
	"flag"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/store/replica"
)

// startGate starts a gate on a server, with a connection of its own.
func startGate(tb testing.TB, server *redistest.Server, lease time.Duration) *replica.Replica {
	tb.Helper()
	r := replica.New(openAt(tb, server), replica.Options{Lease: lease, Retention: time.Hour})
	tb.Cleanup(r.Close)
	return r
}

// settled waits until the log is settled and a gate admits.
func settled(tb testing.TB, server *redistest.Server, r *replica.Replica) {
	tb.Helper()
	<-r.Synced()
	eventually(tb, "the log to settle", func() error {
		if server.Do("HGET", headKey, "state") != "settled" || r.Status().Fenced {
			return errors.New("it is not")
		}
		return nil
	})
}

// runsOf returns how often a server has run a command since its counters were reset.
func runsOf(tb testing.TB, server *redistest.Server, command string) int {
	tb.Helper()
	stats := server.Do("INFO", "commandstats").(string)
	found := regexp.MustCompile("cmdstat_" + command + ":calls=([0-9]+),").FindStringSubmatch(stats)
	if found == nil {
		return 0
	}
	calls, err := strconv.Atoi(found[1])
	if err != nil {
		tb.Fatal(err)
	}
	return calls
}

// The cost of an idle gate is four heartbeats and two reads per lease. It runs no reading
// script, because the heartbeats show that there is nothing to read.
func TestAnIdleGateAsksLittle(t *testing.T) {
	server := redistest.Start(t)
	r := startGate(t, server, 400*time.Millisecond)
	settled(t, server, r)
	server.Do("CONFIG", "RESETSTAT")
	const beats = 16
	eventually(t, "heartbeats", func() error {
		if runsOf(t, server, "evalsha") < beats {
			return errors.New("too few")
		}
		return nil
	})
	if reads, pages := runsOf(t, server, "xread"), runsOf(t, server, "xrange"); reads > beats/2+2 || pages > 1 {
		t.Errorf("for %d heartbeats, an idle gate read %d times and ran %d scripts that read", beats, reads, pages)
	}
	if reads := runsOf(t, server, "xread"); reads == 0 {
		t.Error("the gate did not read at all")
	}
}

var (
	merged      = flag.Int("merged", 150, "how many entries of 4096 revocations a starting gate reads")
	mergedLease = flag.Duration("merged-lease", 3*time.Second, "the lease of the gates meanwhile")
)

// Fault: after a merge of millions of revocations, a gate that started never finished
// reading them, and kept Redis so busy that the others lost their leases. For six
// million, as after a loss in a large fleet:
//
//	go test ./store/redisstore -run AStartingGateReads -merged 1465 -v
func TestAStartingGateReadsMergedRevocations(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	running := startGate(t, server, *mergedLease)
	settled(t, server, running)
	last := mustAppendLarge(t, openAt(t, server), *merged)
	limit := time.After(2 * time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for st := running.Status(); st.Position != last || st.Fenced; st = running.Status() {
		select {
		case <-limit:
			t.Fatalf("the running gate does not follow: %+v, want %v", st, last)
		case <-tick.C:
		}
	}
	token := &store.Keys{Session: revocation("live").Key, IssuedAt: 1, Expires: time.Now().Unix() + 3600}
	began, checks := time.Now(), 0
	starting := startGate(t, server, *mergedLease)
	for synced := false; !synced; {
		select {
		case <-starting.Synced():
			synced = true
		case <-limit:
			t.Fatalf("the gate has not read the log: %+v", starting.Status())
		case <-tick.C:
			checks++
			if verdict := running.Check(token, replica.At(time.Now())); verdict != replica.Clear {
				t.Fatalf("after %v the running gate finds a live session %v", time.Since(began), verdict)
			}
		}
	}
	t.Logf("%d entries read after %v, %d checks at the other gate meanwhile", *merged, time.Since(began), checks)
	if held := starting.Status().Revocations; held != *merged*store.MaxRevocations || checks == 0 {
		t.Errorf("the gate holds %d revocations, want %d; %d checks", held, *merged*store.MaxRevocations, checks)
	}
}
