package faults

import (
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Fault: the password of Redis is missing, wrong, or was changed. The gate starts and
// admits nothing. The log says what to check and shows no password. A reload applies the
// right password.
func TestRedisThatRefusesTheGate(t *testing.T) {
	t.Parallel()
	const right, wrong = "the-right-pa55word", "the-wr0ng-password"
	redis := redistest.Start(t, redistest.Password(right))
	good := harness.RedisWith(redis, "password "+harness.SecretFile(t, right))
	for name, c := range map[string]struct{ store, says string }{
		"no password":            {harness.RedisWith(redis, ""), "Redis wants a password: set username and password"},
		"wrong password":         {harness.RedisWith(redis, "password "+harness.SecretFile(t, wrong)), "check username and password"},
		"user that is not there": {harness.RedisWith(redis, "username nobody\npassword "+harness.SecretFile(t, right)), "check username and password"},
	} {
		t.Run(name, func(t *testing.T) {
			g := harness.Start(t, harness.Config{Store: c.store, Unready: true, Global: "debug", Gate: "public /healthz"})
			harness.Says(t, g, c.says)
			checkClosed(t, g, g.Token(nil))
			harness.Load(t, g, harness.Config{Store: good, Global: "debug", Gate: "public /healthz"})
			harness.Recovers(t, g, g.Token(nil))
			for _, password := range []string{right, wrong} {
				if strings.Contains(g.Logs(), password) {
					t.Errorf("the log shows the password %q", password)
				}
			}
		})
	}
}

// Fault: Redis is configured to evict keys when its memory is full, and drops revocations
// without notice. Such a Redis is refused, unless the operator accepts it.
func TestRedisThatMayEvictIsRefused(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.Config("maxmemory-policy allkeys-lru", "maxmemory 64mb"))
	g := harness.Start(t, harness.Config{Store: harness.RedisWith(redis, ""), Unready: true, Gate: "public /healthz"})
	harness.Says(t, g, `its maxmemory-policy is \"allkeys-lru\"; set noeviction, or allow_eviction here`)
	checkClosed(t, g, g.Token(nil))
	for probe, want := range map[string]int{"/livez": 200, "/readyz": 503} {
		if got := g.Probe(probe); got != want {
			t.Errorf("%s is %d, want %d", probe, got, want)
		}
	}
	t.Run("and works where it is accepted", func(t *testing.T) {
		accepting := harness.Start(t, harness.Config{Store: harness.RedisWith(redis, "allow_eviction")})
		token := accepting.Token(nil)
		harness.See(t, accepting, token)
		answers.Invalidated.Check(t, harness.End(t, accepting, token))
		answers.BadToken.Check(t, harness.Get(t, accepting, token))
		harness.Says(t, accepting, "redis may evict revocations, and allow_eviction accepts it")
	})
	t.Run("and works once it evicts no more", func(t *testing.T) {
		redis.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
		harness.Recovers(t, g, g.Token(harness.Session("another")))
	})
}

// Attack: a replica is promoted, and a gate that does not know about it uses the old
// primary, which takes writes for seconds more. The gate admits a session that another gate
// has ended with 200. A Redis that allows this is refused, unless the operator accepts it.
func TestRedisThatMayHaveTwoPrimariesIsRefused(t *testing.T) {
	t.Parallel()
	atOnce := redistest.Config("repl-diskless-sync-delay 0")
	redis := redistest.Start(t, atOnce)
	redistest.StartReplica(t, redis, atOnce)
	redis.Do("ACL", "SETUSER", "blind", "on", ">secret", "~*", "+@all", "-config")
	blind := "username blind\npassword " + harness.SecretFile(t, "secret")
	for name, c := range map[string]struct{ toWrite, maxLag, words, says, works string }{
		"without min-replicas-to-write": {
			"0", "1", "", "it has no min-replicas-to-write; set min-replicas-to-write 1 and min-replicas-max-lag 1 on every server", "allow_split_brain",
		},
		"with the max-lag that Redis ships": {
			"1", "10", "", "its min-replicas-max-lag of 10s is not below the lease of 1.5s", "allow_split_brain",
		},
		"with a max-lag that is hidden": {
			"1", "1", blind, "permit the user +config|get, or set min_replicas_max_lag here", "min_replicas_max_lag 1s",
		},
	} {
		t.Run(name, func(t *testing.T) {
			redis.Do("CONFIG", "SET", "min-replicas-to-write", c.toWrite, "min-replicas-max-lag", c.maxLag)
			g := harness.Start(t, harness.Config{Store: harness.RedisWith(redis, c.words), App: "lease 1500ms", Unready: true, Gate: "public /healthz"})
			harness.Says(t, g, c.says)
			checkClosed(t, g, g.Token(nil))
			if got := g.Probe("/readyz"); got != 503 {
				t.Errorf("/readyz is %d, want 503", got)
			}
			accepting := harness.Start(t, harness.Config{Store: harness.RedisWith(redis, c.words+"\n"+c.works), App: "lease 1500ms"})
			token := accepting.Token(harness.Session(name))
			harness.See(t, accepting, token)
			answers.Invalidated.Check(t, harness.End(t, accepting, token))
			answers.BadToken.Check(t, harness.Get(t, accepting, token))
			if c.works == "allow_split_brain" {
				harness.Says(t, accepting, "redis may have two primaries after a failover, and allow_split_brain accepts it")
			}
			redis.Do("CONFIG", "SET", "min-replicas-to-write", "1", "min-replicas-max-lag", "1")
			if c.words == "" {
				harness.Recovers(t, g, g.Token(harness.Session("another")))
			}
		})
	}
}

// A single Redis gets a replica, for a backup, while gates use it. They continue, and log
// the message with which the next gate will refuse it.
func TestReplicaThatIsAttachedLater(t *testing.T) {
	t.Parallel()
	atOnce := redistest.Config("repl-diskless-sync-delay 0")
	redis := redistest.Start(t, atOnce)
	g := harness.Start(t, harness.Config{Store: harness.RedisWith(redis, "")})
	token := g.Token(harness.Session("laptop"))
	harness.See(t, g, token)
	redistest.StartReplica(t, redis, atOnce)
	redis.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") // otherwise it takes a minute
	harness.Says(t, g, "a replica was attached to redis; do not promote it while gates run; gates that start now are refused")
	harness.Recovers(t, g, token)
	answers.Invalidated.Check(t, harness.End(t, g, token))
	answers.BadToken.Check(t, harness.Get(t, g, token))
	second := harness.Start(t, harness.Config{Store: harness.RedisWith(redis, ""), Unready: true, Gate: "public /healthz"})
	harness.Says(t, second, "it has no min-replicas-to-write")
	checkClosed(t, second, second.Token(nil))
}
