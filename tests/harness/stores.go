package harness

import (
	"fmt"
	"testing"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// EachStore runs a test as the subtests `bolt` and `redis`, each with the `store` of a
// Config. Both stores are empty.
func EachStore(t *testing.T, test func(t *testing.T, store string)) {
	t.Helper()
	t.Run("bolt", func(t *testing.T) { test(t, "store bolt") })
	t.Run("redis", func(t *testing.T) { test(t, Redis(redistest.Address(t))) })
}

// Redis returns the `store` of a Config for a namespace of a Redis. Gates that share both
// are a fleet.
func Redis(address, namespace string) string {
	return fmt.Sprintf("store redis %s {\nnamespace %s\n}", address, namespace)
}
