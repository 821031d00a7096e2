package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Fault (F41): the password of Redis is missing, wrong, or was changed. The gate
// starts and admits nothing, the log says what to check and shows no password,
// and the right one is taken up by a reload.
func TestRedisThatRefusesTheGate(t *testing.T) {
	const right, wrong = "the-right-pa55word", "the-wr0ng-password"
	redis := redistest.Start(t, redistest.Password(right))
	good := storeOf(redis, "password "+secretFile(t, right))
	for name, c := range map[string]struct{ store, says string }{
		"no password":            {storeOf(redis, ""), "Redis wants a password: set username and password"},
		"wrong password":         {storeOf(redis, "password "+secretFile(t, wrong)), "check username and password"},
		"user that is not there": {storeOf(redis, "username nobody\npassword "+secretFile(t, right)), "check username and password"},
	} {
		t.Run(name, func(t *testing.T) {
			g := harness.Start(t, harness.Config{Store: c.store, Unready: true, Global: "debug", Gate: "public /healthz"})
			says(t, g, c.says)
			checkClosed(t, g, g.Token(nil))
			load(t, g, harness.Config{Store: good, Global: "debug", Gate: "public /healthz"})
			recovers(t, g, g.Token(nil))
			for _, password := range []string{right, wrong} {
				if strings.Contains(g.Logs(), password) {
					t.Errorf("the log shows the password %q", password)
				}
			}
		})
	}
}

// Fault (F13, P28): Redis is set to evict keys when its memory is full, and drops
// revocations in silence. It is refused, unless the operator accepts that.
func TestRedisThatMayEvictIsRefused(t *testing.T) {
	redis := redistest.Start(t, redistest.Config("maxmemory-policy allkeys-lru", "maxmemory 64mb"))
	g := harness.Start(t, harness.Config{Store: storeOf(redis, ""), Unready: true, Gate: "public /healthz"})
	says(t, g, `its maxmemory-policy is \"allkeys-lru\"; set noeviction, or allow_eviction here`)
	checkClosed(t, g, g.Token(nil))
	for probe, want := range map[string]int{"/livez": 200, "/readyz": 503} {
		if got := g.Probe(probe); got != want {
			t.Errorf("%s is %d, want %d", probe, got, want)
		}
	}
	t.Run("and works where it is accepted", func(t *testing.T) {
		accepting := harness.Start(t, harness.Config{Store: storeOf(redis, "allow_eviction")})
		token := accepting.Token(nil)
		see(t, accepting, token)
		invalidated.check(t, end(t, accepting, token))
		badToken.check(t, get(t, accepting, token))
		says(t, accepting, "redis may evict revocations, and allow_eviction accepts it")
	})
	t.Run("and works once it evicts no more", func(t *testing.T) {
		redis.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
		recovers(t, g, g.Token(session("another")))
	})
}

// storeOf is the `store` of a Redis, with further words.
func storeOf(redis *redistest.Server, words string) string {
	return "store redis " + redis.Addr() + " {\nnamespace refused\n" + words + "\n}"
}

// secretFile writes a secret and returns the placeholder for it.
func secretFile(t *testing.T, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return "{file." + path + "}"
}

// says waits until the log of the gate has this text.
func says(t *testing.T, g *harness.Gate, text string) {
	t.Helper()
	harness.Eventually(t, 10*time.Second, "the log says "+text, func() bool { return strings.Contains(g.Logs(), text) })
}
