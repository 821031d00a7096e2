package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// Fault: Redis forgets its scripts. No call notices.
func TestScriptFlush(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	position := mustAppend(t, s, "one")
	for name, call := range calls(s, position) {
		server.Do("SCRIPT", "FLUSH")
		works(t, map[string]func(context.Context) error{name: call})
	}
	if head := mustLook(t, s); head.Generation != position.Generation {
		t.Errorf("after SCRIPT FLUSH the generation is %v, it was %v", head.Generation, position.Generation)
	}
}

// Fault: Redis loads its files for longer than calls may take. Each call is refused at
// once, and gives the reason.
func TestLoading(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := openAt(t, server)
	mustAppend(t, s, "one")
	server.Do("EVAL", "for i = 1, 3000 do redis.call('SET', 'key' .. i, i) end", "0")
	server.Do("SAVE")
	server.Configure("key-load-delay 1000", "loading-process-events-interval-bytes 1024")
	server.Relaunch()
	var refused error
	eventually(t, "Redis to say that it loads", func() error {
		if _, refused = s.Look(t.Context()); refused == nil || !strings.Contains(refused.Error(), "LOADING") {
			return errors.Join(errors.New("want LOADING"), refused)
		}
		return nil
	})
	if !strings.Contains(refused.Error(), "when it has") {
		t.Errorf("the error %v does not say what to do", refused)
	}
	for name, call := range logCalls(s, store.Position{}) {
		start := time.Now()
		if err := call(t.Context()); err == nil || time.Since(start) > 2*time.Second {
			t.Errorf("%s gave %v after %v, while Redis loads", name, err, time.Since(start))
		}
	}
	eventually(t, "Redis to have loaded", func() error {
		_, err := s.Look(t.Context())
		return err
	})
	if batch := mustRead(t, s, store.Position{}); len(batch.Entries) != 1 {
		t.Errorf("after loading, read %+v", batch)
	}
}

// Fault: the password is rotated while gates run. Connected gates stay connected,
// others need the new password. The error of a gate with the old password shows
// neither.
func TestPasswordRotation(t *testing.T) {
	const before, after = "hunter2-before", "hunter2-after"
	server := redistest.Start(t)
	setUser(t, server, forGates)
	server.Do("ACL", "SETUSER", "gate", "resetpass", ">"+before)
	o := options{Addresses: []string{server.Addr()}, Username: "gate", Password: before}
	s := open(t, o)
	position := mustAppend(t, s, "one")
	server.Do("ACL", "SETUSER", "gate", "resetpass", ">"+after)
	// The pool may also have dialled a second connection, which is refused.
	eventually(t, "the existing connection to work", func() error {
		_, err := s.Heartbeat(t.Context(), store.Heartbeat{Gate: 1, Applied: position, Lease: 3 * time.Second})
		return err
	})

	o.Password = after
	renewed := open(t, o)
	mustBeat(t, renewed, 2, position)
	server.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	for name, call := range calls(s, position) {
		eventually(t, name+" to be refused", func() error {
			err := call(t.Context())
			if err == nil || !strings.Contains(err.Error(), "check username and password") {
				return errors.Join(errors.New("want a refusal that names what to check"), err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s shows a password: %v", name, err)
			}
			return nil
		})
	}
	eventually(t, "the new password", func() error {
		_, err := renewed.Look(t.Context())
		return err
	})
	if head := mustLook(t, renewed); head.Generation != position.Generation {
		t.Errorf("the rotation began a generation: %+v", head)
	}
}
