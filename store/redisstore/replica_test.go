package redisstore_test

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// Attack: lag. A replica has not received the newest revocation yet, and would
// still give a lease.
func TestReplicaIsRefused(t *testing.T) {
	primary := redistest.Start(t, atOnce)
	replica := redistest.Start(t)
	before := openAt(t, replica)
	position := mustBeat(t, before, 1, mustAppend(t, before, "one")).Position // connected while the server was a primary
	mustAppend(t, openAt(t, primary), "one", "two")
	follow(t, replica, primary)
	if _, err := openAt(t, replica).Read(t.Context(), store.Position{}, 0); !errors.Is(err, redisstore.ErrReplica) {
		t.Errorf("a new connection gave %v, want ErrReplica", err)
	}
	for name, call := range logCalls(before, position) {
		err := call(t.Context())
		// The first refusal also ends the connection.
		if err == nil || !strings.Contains(err.Error(), "READONLY") && !errors.Is(err, redisstore.ErrReplica) {
			t.Errorf("%s over an old connection to what is a replica now gave %v", name, err)
		}
	}
}

// follow makes a running server a replica of another, and waits until it has all data.
func follow(t *testing.T, replica, primary *redistest.Server) {
	t.Helper()
	host, port, _ := net.SplitHostPort(primary.Addr())
	replica.Do("REPLICAOF", host, port)
	eventually(t, "the replica to have synced", func() error {
		if !strings.Contains(replica.Do("INFO", "replication").(string), "master_link_status:up") {
			return errors.New("the link is not up")
		}
		return nil
	})
}

// Rule R6. A primary is demoted, loses what its replica had not received, and is
// promoted again. Head and log agree, and the process is the same. Only its history of
// writes differs.
func TestPromotedAgain(t *testing.T) {
	primary := redistest.Start(t, atOnce)
	other := redistest.StartReplica(t, primary, atOnce)
	s := open(t, options{Addresses: []string{primary.Addr()}, AllowSplitBrain: true})
	kept := mustBeat(t, s, 1, mustAppend(t, s, "one"))
	eventually(t, "the replica to have all", func() error {
		if other.Do("HGET", headKey, "count") != "1" {
			return errors.New("it lags")
		}
		return nil
	})
	other.Do("REPLICAOF", "NO", "ONE")
	lost := mustAppend(t, s, "two")
	follow(t, primary, other)
	primary.Do("REPLICAOF", "NO", "ONE")
	var head store.Head
	eventually(t, "the primary to answer again", func() (err error) {
		head, err = s.Look(t.Context())
		return err
	})
	if head.Generation == kept.Generation || head.State != store.StateRepair || len(head.Gates) != 0 || head.Seq >= lost.Seq {
		t.Errorf("promoted again, the head is %+v, it was %+v", head, kept)
	}
}

// Attack: a primary is demoted and cannot reach the new one. It is the same process with
// the same history, and answers reads with its old data.
func TestReplicaWithoutPrimary(t *testing.T) {
	for stale, word := range map[string]string{"yes": "READONLY", "no": "MASTERDOWN"} {
		t.Run("serving stale data "+stale, func(t *testing.T) {
			server := redistest.Start(t, redistest.Config("replica-serve-stale-data "+stale))
			for name := range logCalls(openAt(t, server), store.Position{}) {
				s := openAt(t, server)
				calls := logCalls(s, mustAppend(t, s, "one"))
				mustRead(t, s, store.Position{})
				server.Do("REPLICAOF", "127.0.0.1", "1")
				err := calls[name](t.Context())
				server.Do("REPLICAOF", "NO", "ONE")
				if name == "Trim" && stale == "yes" {
					continue // Trim finds nothing, and gives no lease
				}
				// A new connection is already refused before the call.
				if err == nil || !strings.Contains(err.Error(), word) && !errors.Is(err, redisstore.ErrReplica) ||
					!strings.Contains(err.Error(), "name the primary") {
					t.Errorf("%s gave %v, want %s and what to do", name, err, word)
				}
			}
		})
	}
}

// Rule R6. The primary dies and a sentinel promotes its replica, which may lack the
// last acknowledged entries. The store follows, and a generation begins.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	primary := redistest.Start(t, guarded)
	replica := redistest.StartReplica(t, primary, guarded, redistest.Config("replica-priority 1"))
	redistest.StartReplica(t, primary, guarded) // follows the promoted server
	sentinel := redistest.StartSentinel(t, primary, "mymaster")
	eventually(t, "the sentinel to know the replicas", func() error {
		if replicas := sentinel.Do("SENTINEL", "replicas", "mymaster").([]any); len(replicas) != 2 {
			return errors.New("it does not know both")
		}
		return nil
	})
	s := open(t, options{Addresses: []string{sentinel.Addr()}, SentinelMaster: "mymaster"})
	before := mustBeat(t, s, 1, mustAppend(t, s, "one", "two"))
	eventually(t, "the replica to have all", func() error {
		if replica.Do("XLEN", logKey) != int64(2) {
			return errors.New("it lags")
		}
		return nil
	})
	primary.Stop()
	var head store.Head
	eventually(t, "the replica to be promoted", func() (err error) {
		head, err = s.Heartbeat(t.Context(), store.Heartbeat{Gate: 1, Applied: before.Position, Settled: true, Lease: 3 * time.Second})
		return err
	})
	if head.Generation == before.Generation || head.State != store.StateRepair || head.Count != 0 || head.Seq != 2 {
		t.Errorf("after the failover a heartbeat was answered %+v, before %+v", head, before)
	}
	if batch := mustRead(t, s, store.Position{}); len(batch.Entries) != 2 || batch.Born != 2 {
		t.Errorf("after the failover, read %+v, want what the replica had", batch)
	}
}

func TestSentinel(t *testing.T) {
	primary := redistest.Start(t, redistest.Password("of-redis"))
	sentinel := redistest.StartSentinel(t, primary, "mymaster",
		redistest.Password("of-sentinel"), redistest.Config("sentinel auth-pass mymaster of-redis"))
	known := options{
		Addresses: []string{sentinel.Addr()}, SentinelMaster: "mymaster",
		Password: "of-redis", SentinelPassword: "of-sentinel", AllowSplitBrain: true,
	}
	position := mustAppend(t, open(t, known), "one")
	direct := open(t, options{Addresses: []string{primary.Addr()}, Password: "of-redis"})
	if batch := mustRead(t, direct, store.Position{}); batch.Head != position {
		t.Errorf("the primary has %+v, want the entry at %v", batch, position)
	}
	if _, err := open(t, options{Addresses: []string{sentinel.Addr()}, Password: "of-sentinel"}).Append(t.Context(), revocation("one")); err == nil ||
		!strings.Contains(err.Error(), "this is a sentinel: name the primary that it watches with sentinel_master") {
		t.Errorf("a sentinel in the place of Redis: Append gave %v, want what to do", err)
	}
	for name, change := range map[string]func(*options){
		"a primary that the sentinel does not know": func(o *options) { o.SentinelMaster = "another" },
		"no password for the sentinel":              func(o *options) { o.SentinelPassword = "" },
		"another password for the sentinel":         func(o *options) { o.SentinelPassword = "of-redis" },
		"another password for the primary":          func(o *options) { o.Password = "of-sentinel" },
	} {
		o := known
		change(&o)
		if _, err := open(t, o).Append(t.Context(), revocation("one")); err == nil || strings.Contains(err.Error(), "of-") {
			t.Errorf("%s: Append gave %v, want an error without a password", name, err)
		}
	}
}
