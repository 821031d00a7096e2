package harness

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// Propagation is how long the fleet may take to learn what one gate knows.
const Propagation = time.Second

// StartPair starts two gates that share one Redis and the keys of one issuer.
func StartPair(tb testing.TB) (a, b *Gate) {
	tb.Helper()
	store := Redis(redistest.Address(tb))
	a = Start(tb, Config{Store: store})
	b = Start(tb, Config{Store: store, Key: a.Key, Upstream: a.Upstream})
	return a, b
}

// RedisWith returns the `store` of a Redis, with further words.
func RedisWith(redis *redistest.Server, words string) string {
	return "store redis " + redis.Addr() + " {\nnamespace refused\n" + words + "\n}"
}

// SecretFile writes a secret and returns the placeholder for it.
func SecretFile(t *testing.T, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return "{file." + path + "}"
}
