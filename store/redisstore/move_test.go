package redisstore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// A gate's user may pause the store, and learns that it is paused. A user that copies
// needs one more permission, and the error names it.
func TestThePermissionsOfACopy(t *testing.T) {
	server := redistest.Start(t)
	setUser(t, server, forGates)
	s := open(t, asGate(server))
	if err := s.Pause(t.Context(), true); err != nil {
		t.Errorf("Pause: %v", err)
	}
	if paused, err := s.Paused(t.Context()); !paused || err != nil {
		t.Errorf("Paused: %v, %v", paused, err)
	}
	if _, err := s.Append(t.Context(), revocation("one")); !errors.Is(err, store.ErrPaused) {
		t.Errorf("Append: %v", err)
	}
	if _, _, err := s.Memory(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "permit the user") {
		t.Errorf("Memory without +scan: %v", err)
	}
	setUser(t, server, forCopies)
	if _, _, err := s.Memory(t.Context(), ""); err != nil {
		t.Errorf("Memory with +scan: %v", err)
	}
}

// On a Cluster a SCAN goes to one node. It must be the one with the namespace, even if
// its name has to be quoted in the pattern.
func TestTheMemoryOfEachNamespaceOfACluster(t *testing.T) {
	t.Parallel()
	nodes := redistest.StartCluster(t, 3)
	for _, namespace := range []string{"a", "b*", "[c]", "d?", `e\f`} {
		s := open(t, options{Addresses: []string{nodes[0].Addr()}, Namespace: namespace, Cluster: true, AllowSplitBrain: true})
		eventually(t, "the cluster to take an append", func() error {
			_, err := s.Append(t.Context(), revocation("one"))
			return err
		})
		seen := store.Session{Issuer: "https://issuer.example", ID: namespace, Subject: "alice", Expires: time.Now().Add(time.Hour).Unix()}
		if err := s.Seen(t.Context(), seen); err != nil {
			t.Fatal(err)
		}
		var found []store.Session
		for next := ""; ; {
			part, after, err := s.Memory(t.Context(), next)
			if err != nil {
				t.Fatal(err)
			}
			if found, next = append(found, part.Sessions...), after; next == "" {
				break
			}
		}
		if len(found) != 1 || found[0] != seen {
			t.Errorf("namespace %s remembers %v, want %v", namespace, found, seen)
		}
	}
}
