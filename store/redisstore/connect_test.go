package redisstore_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// Attack: fill a Redis that evicts, until it drops acknowledged revocations.
func TestEvictionPolicies(t *testing.T) {
	server := redistest.Start(t)
	for _, policy := range []string{
		"allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl",
	} {
		t.Run(policy, func(t *testing.T) {
			server.Do("CONFIG", "SET", "maxmemory-policy", policy)
			s := openAt(t, server)
			for name, call := range calls(s, store.Position{}) {
				err := call(t.Context())
				if !errors.Is(err, redisstore.ErrEviction) || !strings.Contains(err.Error(), policy) ||
					!strings.Contains(err.Error(), "noeviction") {
					t.Errorf("%s gave %v, want ErrEviction and what to do", name, err)
				}
			}
			var log bytes.Buffer
			allowed := open(t, options{
				Addresses: []string{server.Addr()}, AllowEviction: true,
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			mustRead(t, allowed, mustAppend(t, allowed, "one"))
			if n := strings.Count(log.String(), policy); n != 1 {
				t.Errorf("when allowed, the warning was logged %d times:\n%s", n, &log)
			}
			server.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
			mustAppend(t, s, "one")
		})
	}
}

// A changed policy is noticed when connections are replaced.
func TestEvictionPolicyAfterReconnect(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	mustAppend(t, s, "one")
	server.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	server.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	eventually(t, "the refusal", func() error {
		if _, err := s.Append(t.Context(), revocation("two")); !errors.Is(err, redisstore.ErrEviction) {
			return errors.Join(errors.New("want ErrEviction"), err)
		}
		return nil
	})
}

// permissions returns the permissions that the package's documentation lists after a line.
func permissions(t *testing.T, line string) []string {
	t.Helper()
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), line+"\n")
	list, _, ended := strings.Cut(strings.TrimPrefix(rest, "//\n"), "\n//\n")
	if !found || !ended {
		t.Fatal("the documentation lists no ACL user")
	}
	list = strings.ReplaceAll(strings.ReplaceAll(list, "//", ""), "<namespace>", "test")
	return strings.Fields(list)
}

const userLine = "user gate on >password resetchannels"

func TestLeastPermissions(t *testing.T) {
	server := redistest.Start(t, guarded)
	redistest.StartReplica(t, server, guarded)
	guardedBy(server, "1", "60") // on a busy machine, the replica may not answer for some seconds
	setUser := append([]string{"ACL", "SETUSER", "gate", "reset", "on", ">secret", "resetchannels"}, permissions(t, userLine)...)
	server.Do(setUser...)
	gate := options{Addresses: []string{server.Addr()}, Username: "gate", Password: "secret"}
	s := open(t, gate)
	position := mustAppend(t, s, "one")
	for name, call := range calls(s, position) {
		if err := call(t.Context()); err != nil && !errors.Is(err, store.ErrUnknownSession) {
			t.Errorf("%s: %v", name, err)
		}
	}
	server.Do("XTRIM", logKey, "MINID", "3-0")
	server.Do("DEL", headKey)
	mustRead(t, s, store.Position{}) // creates the head again, from the log

	other := gate
	other.Namespace = "other"
	_, err := open(t, other).Append(t.Context(), revocation("one"))
	if err == nil || !strings.Contains(err.Error(), "permit the user") {
		t.Errorf("in another's namespace Append gave %v, want NOPERM and what to do", err)
	}
	// Each permission is necessary.
	for _, permission := range permissions(t, userLine)[1:] {
		if permission == "+auth" || permission == "+hello" || permission == "+select" {
			continue // one of several logins, or only for a database other than 0
		}
		server.Do(setUser...)
		server.Do("ACL", "SETUSER", "gate", "-"+permission[1:])
		if !failsSomewhere(t, server, gate) {
			t.Errorf("%s is not needed", permission)
		}
	}
}

// failsSomewhere reports whether any call on a fresh namespace, on a trimmed log
// or on a log without head fails.
func failsSomewhere(t *testing.T, server *redistest.Server, gate options) bool {
	t.Helper()
	server.Do("FLUSHALL")
	server.Do("SCRIPT", "FLUSH")
	s := open(t, gate)
	expired := revocation("one") // so that there is something to trim
	expired.Expires = time.Now().Add(-time.Minute).Unix()
	position, err := s.Append(t.Context(), expired)
	failed := err != nil
	for _, call := range calls(s, position) {
		err := call(t.Context())
		failed = failed || err != nil && !errors.Is(err, store.ErrUnknownSession)
	}
	failed = s.Trim(t.Context(), expiry()) != nil || failed
	server.Do("DEL", headKey)
	_, err = s.Append(t.Context(), revocation("two"))
	return failed || err != nil
}

// If the policy cannot be read, the server is refused, too.
func TestPolicyUnreadable(t *testing.T) {
	server := redistest.Start(t)
	server.Do("ACL", "SETUSER", "gate", "on", ">secret", "~*", "+@all", "-config",
		"-info", "+info|server", "+info|replication")
	gate := options{Addresses: []string{server.Addr()}, Username: "gate", Password: "secret"}
	if _, err := open(t, gate).Append(t.Context(), revocation("one")); !errors.Is(err, redisstore.ErrEviction) ||
		!strings.Contains(err.Error(), "allow_eviction") {
		t.Errorf("Append gave %v, want ErrEviction and what to do", err)
	}
	allowed := gate
	allowed.AllowEviction = true
	s := open(t, allowed)
	mustBeat(t, s, 1, mustAppend(t, s, "one"))
	server.Do("ACL", "SETUSER", "gate", "+config|get")
	s = open(t, gate)
	mustBeat(t, s, 1, mustAppend(t, s, "two"))
}

// Without the server's time, the clock of one gate would trim for all.
func TestClockUnreadable(t *testing.T) {
	server := redistest.Start(t)
	server.Do("ACL", "SETUSER", "gate", "on", ">secret", "~*", "+@all", "-time")
	_, err := open(t, options{Addresses: []string{server.Addr()}, Username: "gate", Password: "secret"}).Append(t.Context(), revocation("one"))
	if err == nil || !strings.Contains(err.Error(), "permit the user +time") {
		t.Errorf("Append gave %v, want what to do", err)
	}
}

// Rule R6. A server that does not identify its process may have lost everything without a
// visible difference.
func TestIdentityUnreadable(t *testing.T) {
	server := redistest.Start(t)
	for _, section := range []string{"server", "replication"} {
		server.Do("ACL", "SETUSER", "gate", "reset", "on", ">secret", "~*", "+@all", "-info", "+info|"+section)
		s := open(t, options{Addresses: []string{server.Addr()}, Username: "gate", Password: "secret", AllowEviction: true})
		for name, call := range logCalls(s, store.Position{}) {
			if err := call(t.Context()); err == nil || !strings.Contains(err.Error(), "+info") {
				t.Errorf("with INFO %s only, %s gave %v, want what to permit", section, name, err)
			}
		}
	}
	if keys := server.Do("KEYS", "*").([]any); len(keys) != 0 {
		t.Errorf("left are %v", keys)
	}
}

// Attack: turn eviction on after every gate has connected.
func TestEvictionPolicyWhileConnected(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	position := mustAppend(t, s, "one")
	mustBeat(t, s, 1, position)
	server.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	beat := store.Heartbeat{Gate: 1, Applied: position, Lease: time.Second}
	var err error
	for since := time.Now(); err == nil && time.Since(since) < time.Second; {
		_, err = s.Heartbeat(t.Context(), beat)
	}
	for range 2 { // the refusal is repeated
		if !errors.Is(err, redisstore.ErrEviction) || !strings.Contains(err.Error(), "allkeys-lru") {
			t.Errorf("a heartbeat gave %v; want ErrEviction", err)
		}
		_, err = s.Heartbeat(t.Context(), beat)
	}
	server.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
	mustBeat(t, s, 1, position)
}

func TestCredentials(t *testing.T) {
	server := redistest.Start(t, redistest.Password("hunter2"))
	mustAppend(t, open(t, options{Addresses: []string{server.Addr()}, Password: "hunter2"}), "one")
	mustAppend(t, open(t, options{Addresses: []string{"redis://:hunter2@" + server.Addr() + "/1"}}), "one")
	for name, test := range map[string]struct {
		options options
		want    string
	}{
		"a wrong password": {options{Password: "hunter3"}, "check username and password"},
		"a wrong user":     {options{Username: "mallory", Password: "hunter2"}, "check username and password"},
		"no password":      {options{}, "set username and password"},
	} {
		t.Run(name, func(t *testing.T) {
			test.options.Addresses = []string{server.Addr()}
			_, err := open(t, test.options).Append(t.Context(), revocation("one"))
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter") {
				t.Errorf("Append gave %v, want %q and no secret", err, test.want)
			}
		})
	}
}
