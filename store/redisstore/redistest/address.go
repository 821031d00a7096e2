package redistest

import (
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"testing"
)

// Variable is the environment variable that names a running Redis.
const Variable = "SESSION_GATE_TEST_REDIS"

// Address returns the address of some Redis and the name of an unused namespace in it.
// It is the Redis that the environment names, or one started for this test. The test
// must not stop or empty it. If it was running before, the namespace is deleted at the
// end of the test.
func Address(tb testing.TB) (address, namespace string) {
	tb.Helper()
	namespace = "test-" + strings.ToLower(rand.Text())
	address = os.Getenv(Variable)
	if address == "" {
		return Start(tb).Addr(), namespace
	}
	tb.Cleanup(func() { clear(tb, address, namespace) })
	return address, namespace
}

// clear deletes the keys of a namespace.
func clear(tb testing.TB, address, namespace string) {
	tb.Helper()
	host, login := address, []string(nil)
	if u, err := url.Parse(address); err == nil && u.Scheme == "redis" {
		host = u.Host
		if password, ok := u.User.Password(); ok {
			if login = []string{password}; u.User.Username() != "" {
				login = []string{u.User.Username(), password}
			}
		}
	}
	const script = `for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end`
	if _, err := roundTrip("tcp", host, login, []string{"EVAL", script, "0", "{session_gate:" + namespace + "}:*"}); err != nil {
		tb.Errorf("deleting namespace %q: %v", namespace, err)
	}
}
