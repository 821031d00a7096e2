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

const noMinReplicas = "no min-replicas-to-write; set min-replicas-to-write 1 and min-replicas-max-lag 1 on every server"

// guardedBy configures the settings that stop a primary without replicas from accepting
// writes.
func guardedBy(server *redistest.Server, toWrite, maxLag string) {
	server.Do("CONFIG", "SET", "min-replicas-to-write", toWrite, "min-replicas-max-lag", maxLag)
}

// beat sends a heartbeat of a gate with a lease of 3 s.
func beat(t *testing.T, s *redisstore.Store) (store.Head, error) {
	t.Helper()
	return s.Heartbeat(t.Context(), store.Heartbeat{Gate: 1, Lease: 3 * time.Second})
}

// wantSplitBrain fails the test unless a heartbeat is refused with this text.
func wantSplitBrain(t *testing.T, s *redisstore.Store, want string) {
	t.Helper()
	for range 2 { // the refusal is repeated
		if head, err := beat(t, s); !errors.Is(err, redisstore.ErrSplitBrain) || !strings.Contains(err.Error(), want) {
			t.Errorf("a heartbeat gave %+v, %v; want ErrSplitBrain with %q", head, err, want)
		}
	}
}

// hidden returns a user that may not read the server's configuration.
func hidden(server *redistest.Server) options {
	server.Do("ACL", "SETUSER", "gate", "reset", "on", ">secret", "~*", "+@all", "-config")
	return options{Addresses: []string{server.Addr()}, Username: "gate", Password: "secret"}
}

// Attack: a replica is promoted, and the old primary accepts writes for 8 more seconds. A
// gate that does not know of the failover admits sessions there that another gate has
// revoked here.
func TestPrimaryThatGoesOnAfterAFailoverIsRefused(t *testing.T) {
	primary := redistest.Start(t, guarded)
	redistest.StartReplica(t, primary, guarded)
	open1 := options{Addresses: []string{primary.Addr()}}
	secret := hidden(primary)
	configured := secret
	configured.MinReplicasMaxLag = 3 * time.Second
	for name, c := range map[string]struct {
		options         options
		toWrite, maxLag string
		want            string
	}{
		"no min-replicas-to-write":              {open1, "0", "1", noMinReplicas},
		"a max-lag of 0, which turns off":       {open1, "1", "0", noMinReplicas},
		"a max-lag of a lease":                  {open1, "1", "3", "max-lag of 3s is not below the lease of 3s; set min-replicas-to-write 1"},
		"the max-lag that Redis ships":          {open1, "1", "10", "max-lag of 10s is not below the lease of 3s"},
		"a max-lag that is unknown":             {secret, "1", "1", "cannot be read; permit the user +config|get, or set min_replicas_max_lag here"},
		"a configured max-lag that is too long": {configured, "1", "1", "max-lag of 3s is not below the lease of 3s"},
		"neither min-replicas nor a right":      {secret, "0", "1", noMinReplicas},
	} {
		t.Run(name, func(t *testing.T) {
			guardedBy(primary, c.toWrite, c.maxLag)
			refused := open(t, c.options)
			wantSplitBrain(t, refused, c.want)

			var log bytes.Buffer
			allowed := c.options
			allowed.AllowSplitBrain, allowed.Logger = true, slog.New(slog.NewTextHandler(&log, nil))
			s := open(t, allowed)
			for range 3 {
				if head, err := beat(t, s); err != nil || head.Lag != 0 {
					t.Errorf("allowed, a heartbeat gave %+v, %v; want a lag of 0, which promises nothing", head, err)
				}
			}
			if n := strings.Count(log.String(), c.want); !strings.Contains(log.String(), "ended it with 200") || n == 0 || n > 2 {
				t.Errorf("when allowed, the warning was logged %d times:\n%s", n, &log)
			}

			guardedBy(primary, "1", "1")
			if c.options.Username == "" {
				if _, err := beat(t, refused); err != nil {
					t.Errorf("after the configuration was set right, a heartbeat gave %v", err)
				}
			}
		})
	}
}

// An operator sets a lease that is not above the max-lag. If the store accepted it, every
// gate would refuse the primary from its next heartbeat on.
func TestALeaseThatTheGuardRefusesIsNotSet(t *testing.T) {
	primary := redistest.Start(t, guarded)
	redistest.StartReplica(t, primary, guarded)
	s := openAt(t, primary)
	if _, err := beat(t, s); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SetLease(t.Context(), time.Second); !errors.Is(err, redisstore.ErrSplitBrain) ||
		!strings.Contains(err.Error(), "max-lag of 1s is not below the lease of 1s") {
		t.Errorf("SetLease gave %v, want ErrSplitBrain and why", err)
	}
	if head, err := beat(t, s); err != nil || head.Lease != 3*time.Second {
		t.Errorf("then a heartbeat gave %+v, %v; want the lease of 3s", head, err)
	}
}

// A call without a known guard gets no connection.
func TestNothingIsReadFromAPrimaryWithoutAGuard(t *testing.T) {
	primary := redistest.Start(t, atOnce)
	redistest.StartReplica(t, primary)
	for name, call := range calls(openAt(t, primary), store.Position{}) {
		if err := call(t.Context()); !errors.Is(err, redisstore.ErrSplitBrain) || !strings.Contains(err.Error(), noMinReplicas) {
			t.Errorf("%s gave %v, want ErrSplitBrain and what to do", name, err)
		}
	}
}

// Behind Sentinel and in a Cluster, a replica may appear at any time.
func TestSentinelAndClusterNeedAGuardWithoutReplicas(t *testing.T) {
	t.Parallel()
	primary := redistest.Start(t)
	sentinel := redistest.StartSentinel(t, primary, "mymaster")
	nodes := redistest.StartCluster(t, 1)
	for name, o := range map[string]options{
		"Sentinel":  {Addresses: []string{sentinel.Addr()}, SentinelMaster: "mymaster"},
		"a Cluster": {Addresses: []string{nodes[0].Addr()}, Cluster: true},
	} {
		t.Run(name, func(t *testing.T) {
			wantSplitBrain(t, open(t, o), noMinReplicas)
			o.AllowSplitBrain = true
			if _, err := beat(t, open(t, o)); err != nil {
				t.Errorf("allowed, a heartbeat gave %v", err)
			}
		})
	}
}

// A replaced primary keeps running for its max-lag in whole seconds, plus the second until
// its cron job notices.
func TestLagOfAPrimary(t *testing.T) {
	primary := redistest.Start(t, guarded)
	redistest.StartReplica(t, primary, guarded)
	single := redistest.Start(t)
	secret := hidden(primary)
	secret.MinReplicasMaxLag = 2 * time.Second
	configured := options{Addresses: []string{primary.Addr()}, MinReplicasMaxLag: 2 * time.Second}
	for name, c := range map[string]struct {
		options options
		want    time.Duration
	}{
		"a single server":                          {options{Addresses: []string{single.Addr()}}, 0},
		"a server that reports it":                 {options{Addresses: []string{primary.Addr()}}, 3 * time.Second},
		"a server that reports it, and the option": {configured, 3 * time.Second},
		"the option alone":                         {secret, 4 * time.Second},
	} {
		s := open(t, c.options)
		head, err := beat(t, s)
		if err != nil || head.Lag != c.want {
			t.Errorf("%s: a heartbeat gave a lag of %v, %v; want %v", name, head.Lag, err, c.want)
		}
		published, err := s.Publish(t.Context(), revocation("one"))
		if err != nil || published.Lag != c.want {
			t.Errorf("%s: Publish gave a lag of %v, %v; want %v", name, published.Lag, err, c.want)
		}
	}
}

// A single Redis gets a replica as a backup. That must not stop the fleet.
func TestAReplicaAttachedLaterIsLogged(t *testing.T) {
	server := redistest.Start(t, atOnce)
	var log bytes.Buffer
	s := open(t, options{Addresses: []string{server.Addr()}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if _, err := beat(t, s); err != nil {
		t.Fatal(err)
	}
	redistest.StartReplica(t, server)
	s.AgeGuard(redisstore.GuardEvery)
	for range 3 {
		if _, err := beat(t, s); err != nil {
			t.Errorf("with a replica, a heartbeat gave %v", err)
		}
	}
	server.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	eventually(t, "a new connection", func() error { _, err := beat(t, s); return err })
	if n := strings.Count(log.String(), noMinReplicas); n != 1 {
		t.Errorf("the warning was logged %d times:\n%s", n, &log)
	}
	wantSplitBrain(t, openAt(t, server), noMinReplicas)
}

// Attack: remove the guard after every gate has connected.
func TestGuardIsReadEachMinute(t *testing.T) {
	primary := redistest.Start(t, guarded)
	redistest.StartReplica(t, primary, guarded)
	s := openAt(t, primary)
	var early error
	for range 5 { // a new connection reads the guard at any time
		guardedBy(primary, "1", "1")
		if _, err := beat(t, s); err != nil {
			t.Fatal(err)
		}
		guardedBy(primary, "0", "1")
		s.AgeGuard(redisstore.GuardEvery - 10*time.Second)
		if _, early = beat(t, s); early == nil {
			break
		}
	}
	if early != nil {
		t.Fatalf("before the minute was over, each heartbeat read the guard: %v", early)
	}
	s.AgeGuard(10 * time.Second)
	wantSplitBrain(t, s, noMinReplicas)
	guardedBy(primary, "1", "1")
	if head, err := beat(t, s); err != nil || head.Lag != 3*time.Second {
		t.Errorf("with the guard again, a heartbeat gave a lag of %v, %v", head.Lag, err)
	}
}
