package redisstore_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// indexKey is the index of all sessions of the namespace "test".
const indexKey = "{session_gate:test}:sessions"

func openLimited(tb testing.TB, server *redistest.Server, subject, total int) store.Sessions {
	tb.Helper()
	return open(tb, options{Addresses: []string{server.Addr()}, Sessions: store.SessionLimits{Subject: subject, Total: total}})
}

// numberedSessions returns sessions numbered up to until, each seen a second
// after the previous one. They belong to the given number of subjects in turn.
func numberedSessions(from, until, subjects int) (sessions []store.Session) {
	for i := from; i < until; i++ {
		sessions = append(sessions, sessionOf(fmt.Sprint("s", i), fmt.Sprint("u", i%subjects), int64(i)))
	}
	return sessions
}

func mustSee(tb testing.TB, s store.Sessions, sessions ...store.Session) {
	tb.Helper()
	if err := s.Seen(tb.Context(), sessions...); err != nil {
		tb.Fatalf("Seen: %v", err)
	}
}

// keysOf returns the keys that match a pattern.
func keysOf(server *redistest.Server, pattern string) (keys []string) {
	for _, key := range server.Do("KEYS", pattern).([]any) {
		keys = append(keys, key.(string))
	}
	return keys
}

// usage returns the memory of all keys.
func usage(server *redistest.Server) (bytes int64) {
	for _, key := range keysOf(server, "*") {
		bytes += server.Do("MEMORY", "USAGE", key, "SAMPLES", "0").(int64)
	}
	return bytes
}

// wantSound checks the number of sessions. The index and the sets of the subjects must
// name each of them once, and nothing else.
func wantSound(t *testing.T, server *redistest.Server, sessions int) {
	t.Helper()
	var index, sets, want []string
	for _, member := range server.Do("ZRANGE", indexKey, "0", "-1").([]any) {
		index = append(index, member.(string))
	}
	for _, set := range keysOf(server, "*:subject:*") {
		for _, name := range server.Do("ZRANGE", set, "0", "-1").([]any) {
			sets = append(sets, name.(string)+set[len(set)-32:])
		}
	}
	for _, key := range keysOf(server, "*:session:*") {
		want = append(want, key[len(key)-32:]+fmt.Sprint(server.Do("HGET", key, "owner")))
	}
	for _, names := range [][]string{index, sets, want} {
		slices.Sort(names)
	}
	if len(want) != sessions || !slices.Equal(index, want) || !slices.Equal(sets, want) {
		t.Errorf("%d sessions are there, %d in the index and %d in the sets of their subjects; want the same %d",
			len(want), len(index), len(sets), sessions)
	}
}

// Attack: open unlimited sessions at an issuer that allows it. Redis keeps each record
// until it expires, and its memory is full.
func TestSessionsTakeABoundedMemory(t *testing.T) {
	for name, c := range map[string]struct{ subject, total, subjects, sessions int }{
		"one subject":   {0, 0, 1, store.MaxSessionsOf},
		"many subjects": {10, 500, 4000, 500},
		"few subjects":  {100, 500, 7, 500},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			s := openLimited(t, server, c.subject, c.total)
			mustSee(t, s, numberedSessions(0, c.sessions+1, c.subjects)...)
			wantSound(t, server, c.sessions)
			before := usage(server)
			mustSee(t, s, numberedSessions(c.sessions+1, 5*c.sessions, c.subjects)...)
			wantSound(t, server, c.sessions)
			if after := usage(server); after > before+before/10 {
				t.Errorf("%d sessions took %d bytes after %d sessions, and now %d", c.sessions, before, c.sessions+1, after)
			}
			keys := 1 + c.sessions + min(c.sessions, c.subjects) // the index, the sessions, the subjects
			if size := server.Do("DBSIZE").(int64); size != int64(keys) {
				t.Errorf("Redis has %d keys, want %d", size, keys)
			}
		})
	}
}

// Attack: one account fills a Redis with noeviction, which then accepts no revocation.
func TestOneAccountDoesNotFillRedis(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	mustAppend(t, s, "one")
	mustSee(t, s, numberedSessions(0, store.MaxSessionsOf, 1)...)
	server.Do("CONFIG", "SET", "maxmemory", fmt.Sprint(usedMemory(t, server)+4<<20))
	mustSee(t, s, numberedSessions(store.MaxSessionsOf, 20_000, 1)...)
	mustAppend(t, s, "two")
}

// Two gates record the same sessions at the same time, with different subjects.
func TestConcurrentGatesLeaveNoNames(t *testing.T) {
	server := redistest.Start(t)
	var wait sync.WaitGroup
	for gate := range uint64(2) {
		s := openLimited(t, server, 5, 40)
		wait.Go(func() {
			random := rand.New(rand.NewPCG(gate, 1))
			for second := range int64(60) {
				var sessions []store.Session
				for range 1 + random.IntN(12) {
					sessions = append(sessions, sessionOf(fmt.Sprint(random.IntN(150)), fmt.Sprint(random.IntN(15)), second))
				}
				if err := s.Seen(t.Context(), sessions...); err != nil {
					t.Errorf("Seen: %v", err)
				}
			}
		})
	}
	wait.Wait()
	mustSee(t, openLimited(t, server, 5, 40), numberedSessions(1000, 1200, 100)...)
	wantSound(t, server, 40)
}

// A session that Redis expired by itself leaves names in the sets. They are deleted with
// the next sessions.
func TestNamesOfExpiredSessionsGo(t *testing.T) {
	server := redistest.Start(t)
	s := openLimited(t, server, 100, 1000)
	mustSee(t, s, numberedSessions(0, 50, 3)...)
	for _, key := range keysOf(server, "*:session:*") {
		if second := server.Do("HGET", key, "last").(string); len(second) == 1 {
			server.Do("PEXPIRE", key, "1")
		}
	}
	eventually(t, "ten sessions to expire", func() error {
		if n := len(keysOf(server, "*:session:*")); n != 40 {
			return fmt.Errorf("%d are left", n)
		}
		return nil
	})
	for i := range 5 {
		mustSee(t, s, numberedSessions(100+i, 101+i, 3)...)
	}
	wantSound(t, server, 45)
}

// Records of an earlier version have no owner and are not in the index. They are still
// found, and are counted once they are seen again.
func TestSessionsOfAnEarlierVersion(t *testing.T) {
	server := redistest.Start(t)
	s := openLimited(t, server, 2, 1000)
	mustSee(t, s, numberedSessions(0, 2, 1)...)
	server.Do("DEL", indexKey)
	for _, key := range keysOf(server, "*:session:*") {
		server.Do("HDEL", key, "owner")
	}
	if of, err := s.Of(t.Context(), "https://issuer.example", "u0"); err != nil || len(of) != 2 {
		t.Errorf("listed %v, %v; want two sessions", of, err)
	}
	mustSee(t, s, sessionOf("s0", "bob", 10))
	mustSee(t, s, numberedSessions(20, 22, 1)...)
	for id, want := range map[string]string{"s0": "bob", "s1": "", "s20": "u0", "s21": "u0"} {
		if owner, err := s.Owner(t.Context(), "https://issuer.example", id); owner != want {
			t.Errorf("session %q is %q's, %v; want %q's", id, owner, err, want)
		}
	}
	wantSound(t, server, 3)
}

// Deleted sessions are deleted on replicas, too. In a Cluster all keys of a namespace are
// in one slot.
func TestSessionsAreBoundedOnReplicasAndClusters(t *testing.T) {
	t.Parallel()
	primary := redistest.Start(t, guarded)
	replica := redistest.StartReplica(t, primary, guarded)
	mustSee(t, openLimited(t, primary, 3, 20), numberedSessions(0, 200, 30)...)
	eventually(t, "the replica to have the same keys", func() error {
		if here, there := keysOf(primary, "*"), keysOf(replica, "*"); len(here) != len(there) || len(here) != 41 {
			return fmt.Errorf("the primary has %d keys and the replica %d, want 41", len(here), len(there))
		}
		return nil
	})

	nodes := redistest.StartCluster(t, 3)
	for _, node := range nodes {
		setUser(t, node, forGates, forClusters)
	}
	s := open(t, options{
		Addresses: []string{nodes[0].Addr()}, Cluster: true, AllowSplitBrain: true, Username: "gate", Password: "secret",
		Sessions: store.SessionLimits{Subject: 3, Total: 20},
	})
	eventually(t, "the cluster to take a session", func() error { return s.Seen(t.Context(), numberedSessions(0, 1, 30)...) })
	mustSee(t, s, numberedSessions(1, 200, 30)...)
	from, _, _ := holder(t, nodes)
	wantSound(t, from, 20)
}

// The cost of a session does not grow with the bounds. One script handles a hundred
// sessions, with a fixed number of commands for each.
func TestCommandsForASessionAreFew(t *testing.T) {
	server := redistest.Start(t)
	s := openLimited(t, server, 0, 2000)
	mustSee(t, s, numberedSessions(0, 1000, 1)...)
	for _, c := range []struct {
		name          string
		sessions      []store.Session
		each, forCall int // maximum numbers of commands
	}{
		{"a session", numberedSessions(10_000, 10_001, 9000), 8, 5},
		{"a hundred sessions", numberedSessions(10_000, 10_100, 9000), 8, 5},
		{"a hundred sessions that are seen again", numberedSessions(10_000, 10_100, 9000), 7, 2},
		{"a hundred sessions of a subject at its limit", numberedSessions(10_100, 10_200, 1), 14, 5},
		{"a thousand sessions that fill the namespace", numberedSessions(11_000, 12_000, 9000), 12, 60},
		{"a hundred sessions of a full namespace", numberedSessions(12_000, 12_100, 9000), 12, 6},
	} {
		server.Do("CONFIG", "RESETSTAT")
		mustSee(t, s, c.sessions...)
		scripts, commands := commandsOf(t, server)
		want, most := (len(c.sessions)+99)/100, c.each*len(c.sessions)+c.forCall
		t.Log(c.name, scripts, commands)
		if scripts != want || commands > most {
			t.Errorf("%s took %d scripts and %d commands in them, want %d and at most %d", c.name, scripts, commands, want, most)
		}
	}
}

// commandsOf returns how many scripts a server has run since its statistics were reset,
// and how many commands of the kinds that scripts use.
func commandsOf(t *testing.T, server *redistest.Server) (scripts, commands int) {
	t.Helper()
	for line := range strings.Lines(server.Do("INFO", "commandstats").(string)) {
		name, rest, found := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		var calls int
		if !found {
			continue
		}
		if _, err := fmt.Sscan(strings.Split(rest, ",")[0], &calls); err != nil {
			t.Fatal(err)
		}
		switch name {
		case "eval", "evalsha":
			scripts += calls
		case "hmget", "hset", "zadd", "zrevrange", "zremrangebyrank", "exists", "ttl", "expire":
			commands += calls
		}
	}
	return scripts, commands
}
