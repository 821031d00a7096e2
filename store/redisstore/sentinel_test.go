package redisstore_test

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/store/redisstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// deaf is a user with which a sentinel learns of no other sentinel, and of no failover by
// another one.
var deaf = redistest.Config("repl-diskless-sync-delay 0", "user deaf on >secret ~* resetchannels +@all")

// startDeaf starts a sentinel with its own view of the primary, which promotes no replica.
func startDeaf(t *testing.T, primary *redistest.Server) *redistest.Server {
	t.Helper()
	s := redistest.StartSentinel(t, primary, "mymaster",
		redistest.Config("sentinel auth-user mymaster deaf", "sentinel auth-pass mymaster secret"))
	s.Do("SENTINEL", "SET", "mymaster", "quorum", "5")
	return s
}

// knows waits until a sentinel knows this many replicas or other sentinels.
func knows(t *testing.T, sentinel *redistest.Server, what string, many int) {
	t.Helper()
	eventually(t, "the sentinel to know "+what, func() error {
		if known := sentinel.Do("SENTINEL", what, "mymaster").([]any); len(known) != many {
			return fmt.Errorf("it knows %d", len(known))
		}
		return nil
	})
}

// failOver makes a sentinel promote a replica as soon as one qualifies.
func failOver(t *testing.T, sentinel *redistest.Server) {
	t.Helper()
	eventually(t, "the sentinel to begin the failover", func() error {
		_, err := sentinel.Try("SENTINEL", "FAILOVER", "mymaster")
		return err
	})
}

// reaches waits until a server is a primary and has the entries that the store appends.
func reaches(t *testing.T, s *redisstore.Store, server *redistest.Server) {
	t.Helper()
	eventually(t, "the store to reach "+server.Addr(), func() error {
		info, err := server.Try("INFO", "replication")
		if text, _ := info.(string); !strings.Contains(text, "role:master") {
			return fmt.Errorf("it is no primary: %v", err)
		}
		position, err := s.Append(t.Context(), revocation("one"))
		if err != nil {
			return err
		}
		if seq, err := server.Try("HGET", headKey, "seq"); seq != strconv.FormatUint(position.Seq, 10) {
			return fmt.Errorf("it has %v entries, not %d: %v", seq, position.Seq, err)
		}
		return nil
	})
}

// Attack: use a revoked session at a gate whose first sentinel does not know of a
// failover. The old primary answers as before.
func TestOneSentinelThatHeardOfTheFailoverIsEnough(t *testing.T) {
	t.Parallel()
	primary := redistest.Start(t, deaf)
	replica := redistest.StartReplica(t, primary, deaf)
	hearing, stale := redistest.StartSentinel(t, primary, "mymaster"), startDeaf(t, primary)
	knows(t, hearing, "replicas", 1)
	hearing.Freeze() // so that the outdated one is asked first
	s := open(t, options{Addresses: []string{stale.Addr(), hearing.Addr()}, SentinelMaster: "mymaster", AllowSplitBrain: true})
	reaches(t, s, primary)
	hearing.Thaw()
	failOver(t, hearing)
	reaches(t, s, replica)
	if named := stale.Do("SENTINEL", "get-master-addr-by-name", "mymaster").([]any); net.JoinHostPort(named[0].(string), named[1].(string)) != primary.Addr() {
		t.Errorf("the stale sentinel names %v: this test shows nothing", named)
	}
	stale.Freeze()
	defer stale.Thaw()
	reaches(t, s, replica)
}

// The options name one sentinel. The store learns of the others, and one of them is
// enough when the first has gone.
func TestSentinelsAreDiscovered(t *testing.T) {
	t.Parallel()
	primary := redistest.Start(t, atOnce)
	replica := redistest.StartReplica(t, primary, atOnce)
	first := redistest.StartSentinel(t, primary, "mymaster")
	second := redistest.StartSentinel(t, primary, "mymaster")
	knows(t, first, "sentinels", 1)
	knows(t, second, "replicas", 1)
	second.Do("SENTINEL", "SET", "mymaster", "quorum", "1")
	s := open(t, options{Addresses: []string{first.Addr()}, SentinelMaster: "mymaster", AllowSplitBrain: true})
	reaches(t, s, primary)
	first.Freeze()
	defer first.Thaw()
	failOver(t, second)
	reaches(t, s, replica)
}

// Sentinels that were set up again count epochs from the beginning, and the store follows
// them.
func TestSentinelsThatWereSetUpAgainAreFollowed(t *testing.T) {
	t.Parallel()
	primary := redistest.Start(t, atOnce)
	replica := redistest.StartReplica(t, primary, atOnce)
	sentinel := redistest.StartSentinel(t, primary, "mymaster")
	knows(t, sentinel, "replicas", 1)
	s := open(t, options{Addresses: []string{sentinel.Addr()}, SentinelMaster: "mymaster", AllowSplitBrain: true})
	failOver(t, sentinel)
	reaches(t, s, replica)
	other := redistest.Start(t)
	moved(t, sentinel, other)
	reaches(t, s, other)
}

// moved makes a sentinel watch another server under the same name.
func moved(t *testing.T, sentinel, to *redistest.Server) {
	t.Helper()
	host, port, _ := net.SplitHostPort(to.Addr())
	sentinel.Do("SENTINEL", "REMOVE", "mymaster")
	sentinel.Do("SENTINEL", "MONITOR", "mymaster", host, port, "1")
}

// A user of the sentinels needs each right that docs/redis.md lists, and no other. Without
// the list of sentinels, only those of the options are asked.
func TestLeastPermissionsAtSentinels(t *testing.T) {
	primary := redistest.Start(t)
	sentinel := redistest.StartSentinel(t, primary, "mymaster")
	o := options{
		Addresses: []string{sentinel.Addr()}, SentinelMaster: "mymaster", AllowSplitBrain: true,
		SentinelUsername: "gate", SentinelPassword: "secret",
	}
	setUser(t, sentinel, forSentinels)
	mustAppend(t, open(t, o), "one")
	for _, permission := range []string{"+client|setname", "+sentinel|master", "+sentinel|get-master-addr-by-name"} {
		if !slices.Contains(rules(t, forSentinels), permission) {
			t.Errorf("the page lists %q, not %s", rules(t, forSentinels), permission)
		}
		setUser(t, sentinel, forSentinels)
		sentinel.Do("ACL", "SETUSER", "gate", "-"+permission[1:])
		if _, err := open(t, o).Append(t.Context(), revocation("one")); err == nil || !strings.Contains(err.Error(), "permit the user") {
			t.Errorf("without %s, Append gave %v; want what to do", permission, err)
		}
	}
}
