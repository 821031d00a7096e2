package redisstore_test

import (
	"bytes"
	"errors"
	"log/slog"
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
