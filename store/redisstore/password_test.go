package redisstore_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/store/storetest/logtest"
)

// kept is where an operator keeps a password, such as a file.
type kept struct {
	mu       sync.Mutex
	password string
	err      error
}

func (k *kept) set(password string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.password, k.err = password, err
}

func (k *kept) read() (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.password, k.err
}

// reconnect closes all connections to a server, and waits until a heartbeat gets a new one.
func reconnect(t *testing.T, server *redistest.Server, beat func() error) {
	t.Helper()
	server.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	eventually(t, "a new connection", beat)
}

// Fault: the password is rotated while gates run. During the rotation the user has two
// passwords. A new connection uses the one that the operator keeps then.
func TestANewConnectionReadsThePasswordAgain(t *testing.T) {
	const before, after = "hunter2-before", "hunter2-after"
	server := redistest.Start(t)
	setUser(t, server, forGates)
	server.Do("ACL", "SETUSER", "gate", "resetpass", ">"+before)
	var log logtest.Text
	secret := &kept{password: before}
	s := open(t, options{
		Addresses: []string{server.Addr()}, Username: "gate", Password: before, RenewPassword: secret.read,
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	position := mustAppend(t, s, "one")
	works := func() error {
		_, err := s.Heartbeat(t.Context(), store.Heartbeat{Gate: 1, Applied: position, Lease: 3 * time.Second})
		return err
	}

	server.Do("ACL", "SETUSER", "gate", ">"+after)
	reconnect(t, server, works)
	secret.set(after, nil)
	reconnect(t, server, works)
	server.Do("ACL", "SETUSER", "gate", "<"+before)
	reconnect(t, server, works)
	if head := mustLook(t, s); head.Generation != position.Generation {
		t.Errorf("the rotation began a generation: %+v", head)
	}
	if n := strings.Count(log.String(), "a password for redis has changed"); n != 1 {
		t.Errorf("the change was logged %d times:\n%s", n, &log)
	}

	// Attack: the error of a gate with a password of the past shows it.
	secret.set(before, nil)
	server.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	eventually(t, "a refusal", func() error {
		err := works()
		if err == nil || !strings.Contains(err.Error(), "check username and password") {
			return errors.Join(errors.New("want a refusal that names what to check"), err)
		}
		return nil
	})
	if err := works(); err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(log.String(), "hunter2") {
		t.Errorf("a password is in %v, or in the log\n%s", err, &log)
	}
}

// Attack, and fault: while the password is replaced, its file is missing or empty for a
// moment. A Redis whose user `default` has no password accepts an empty one: the gate would
// use the revocation log as another user. So the store never sends an empty password.
func TestAPasswordThatIsMissingForAMomentIsNotAnEmptyOne(t *testing.T) {
	server := redistest.Start(t, redistest.Password("hunter2"))
	var log logtest.Text
	secret := &kept{password: "hunter2"}
	s := open(t, options{
		Addresses: []string{server.Addr()}, Password: "hunter2", RenewPassword: secret.read,
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	mustAppend(t, s, "one")
	works := func() error { _, err := s.Look(t.Context()); return err }
	for range 2 {
		secret.set("", errors.New("the file is missing"))
		reconnect(t, server, works)
		secret.set("", nil)
		reconnect(t, server, works)
		if n := strings.Count(log.String(), "cannot be read again"); n != 1 {
			t.Errorf("the missing password was logged %d times, want once:\n%s", n, &log)
		}
		if n := strings.Count(log.String(), "the file is missing"); n != 1 {
			t.Errorf("the log does not say why:\n%s", &log)
		}
		secret.set("hunter2", nil)
		reconnect(t, server, works)
		log.Take()
	}
}

// The sentinels have users of their own, and passwords that change, too.
func TestANewConnectionToASentinelReadsItsPasswordAgain(t *testing.T) {
	t.Parallel()
	primary := redistest.Start(t)
	sentinel := redistest.StartSentinel(t, primary, "mymaster")
	setUser(t, sentinel, forSentinels)
	sentinel.Do("ACL", "SETUSER", "gate", "resetpass", ">hunter2-before")
	secret := &kept{password: "hunter2-before"}
	s := open(t, options{
		Addresses: []string{sentinel.Addr()}, SentinelMaster: "mymaster", AllowSplitBrain: true,
		SentinelUsername: "gate", SentinelPassword: "hunter2-before", RenewSentinelPassword: secret.read,
	})
	mustAppend(t, s, "one")
	secret.set("hunter2-after", nil)
	sentinel.Do("ACL", "SETUSER", "gate", "resetpass", ">hunter2-after")
	other := redistest.Start(t)
	sentinel.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	moved(t, sentinel, other)
	reaches(t, s, other)
}

// Every node of a Cluster gets the password that counts when the connection is made.
func TestANewConnectionToANodeReadsThePasswordAgain(t *testing.T) {
	t.Parallel()
	nodes := redistest.StartCluster(t, 2)
	secret := &kept{password: "secret"}
	for _, node := range nodes {
		setUser(t, node, forGates, forClusters)
	}
	o := asGate(nodes[0])
	o.Cluster, o.AllowSplitBrain, o.RenewPassword = true, true, secret.read
	s := open(t, o)
	appends := func() error { _, err := s.Append(t.Context(), revocation("one")); return err }
	eventually(t, "the Cluster to take an append", appends)
	secret.set("hunter2-after", nil)
	for _, node := range nodes {
		node.Do("ACL", "SETUSER", "gate", "resetpass", ">hunter2-after")
		node.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	}
	eventually(t, "an append with the new password", appends)
}

// Fault: the file system of the secrets hangs, such as NFS. A call does not wait for the file
// longer than for the server, and the gate goes on with the last password. No call leaves a
// goroutine of its own behind.
func TestAPasswordThatCannotBeReadHoldsUpNoCall(t *testing.T) {
	server := redistest.Start(t, redistest.Password("hunter2"))
	var log logtest.Text
	hangs, asked := make(chan struct{}), make(chan struct{}, 100)
	s := open(t, options{
		Addresses: []string{server.Addr()}, Password: "hunter2", Logger: slog.New(slog.NewTextHandler(&log, nil)),
		RenewPassword: func() (string, error) {
			asked <- struct{}{}
			<-hangs
			return "hunter2", nil
		},
	})
	for range 3 {
		reconnect(t, server, func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			_, err := s.Look(ctx)
			return err
		})
	}
	if n := len(asked); n != 1 {
		t.Errorf("%d goroutines wait for the file, want 1", n)
	}
	if n := strings.Count(log.String(), "cannot be read again"); n != 1 {
		t.Errorf("the file that hangs was logged %d times:\n%s", n, &log)
	}
	close(hangs)
}
