package redisstore_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// managed is the configuration of a server as managed services run it: the commands for
// administrators are unknown.
func managed(hidden ...string) redistest.Option {
	var lines []string
	for _, command := range append(hidden, "CONFIG", "ACL", "DEBUG", "MONITOR", "KEYS", "SCAN", "SAVE", "BGSAVE", "SHUTDOWN", "REPLICAOF", "MIGRATE", "OBJECT") {
		lines = append(lines, "rename-command "+command+` ""`)
	}
	return redistest.Config(lines...)
}

// A managed service has no CONFIG, and takes connections with TLS only. The store reads the
// eviction policy from INFO, and min-replicas-max-lag from the options.
func TestAServiceWithoutCONFIG(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, dir, "ca")
	certificate, key := ca.issue(t, dir, "server")
	server := redistest.Start(t, managed(), redistest.TLS(certificate, key, ""))
	_, port, _ := net.SplitHostPort(server.TLSAddr())
	o := options{Addresses: []string{"rediss://127.0.0.1:" + port}, TLS: &redisstore.TLS{CA: []string{ca.path}}}
	s := open(t, o)
	position := mustAppend(t, s, "one")
	works(t, calls(s, position))

	primary := redistest.Start(t, managed(), guarded)
	redistest.StartReplica(t, primary, managed(), guarded)
	o = options{Addresses: []string{primary.Addr()}}
	wantSplitBrain(t, open(t, o), "its min-replicas-max-lag cannot be read; permit the user +config|get, or set min_replicas_max_lag here")
	o.MinReplicasMaxLag = time.Second
	if head, err := beat(t, open(t, o)); err != nil || head.Lag != 3*time.Second {
		t.Errorf("with min_replicas_max_lag, a heartbeat gave a lag of %v, %v; want 3s", head.Lag, err)
	}
}

// A managed service without min-replicas-to-write: one node works, and replicas only with
// allow_split_brain.
func TestAServiceThatSetsNoMinReplicas(t *testing.T) {
	primary := redistest.Start(t, managed(), atOnce)
	mustAppend(t, open(t, options{Addresses: []string{primary.Addr()}}), "one")
	redistest.StartReplica(t, primary, managed(), atOnce)
	o := options{Addresses: []string{primary.Addr()}, MinReplicasMaxLag: time.Second}
	wantSplitBrain(t, open(t, o), noMinReplicas)
	o.AllowSplitBrain = true
	if _, err := beat(t, open(t, o)); err != nil {
		t.Errorf("with allow_split_brain, a heartbeat gave %v", err)
	}
}

// Attack: a service evicts, which is the default of most. Without CONFIG, INFO tells.
func TestAServiceThatEvicts(t *testing.T) {
	server := redistest.Start(t, managed(), redistest.Config("maxmemory-policy volatile-lru"))
	var log bytes.Buffer
	o := options{Addresses: []string{server.Addr()}, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	if _, err := open(t, o).Append(t.Context(), revocation("one")); !errors.Is(err, redisstore.ErrEviction) || !strings.Contains(err.Error(), "volatile-lru") {
		t.Errorf("Append gave %v, want ErrEviction with the policy", err)
	}
	o.AllowEviction = true
	mustAppend(t, open(t, o), "one")
	if !strings.Contains(log.String(), "allow_eviction accepts it") {
		t.Errorf("allowed, the log says\n%s", &log)
	}
}

// A service without INFO or TIME cannot prove that it lost nothing: no option accepts it.
func TestAServiceThatHidesItsIdentity(t *testing.T) {
	for hidden, want := range map[string]string{"INFO": "info", "TIME": "time"} {
		server := redistest.Start(t, managed(hidden))
		s := open(t, options{Addresses: []string{server.Addr()}, AllowEviction: true, AllowSplitBrain: true})
		if _, err := s.Publish(t.Context(), revocation("one")); err == nil || !strings.Contains(strings.ToLower(err.Error()), want) {
			t.Errorf("without %s, Publish gave %v", hidden, err)
		}
		if batch, err := s.Read(t.Context(), store.Position{}, 0); err == nil {
			t.Errorf("without %s, a read gave %+v", hidden, batch)
		}
	}
}
