package redisstore_test

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// The keys of a namespace must lie in one slot, for any name, and the client must
// follow the redirections of the nodes.
func TestCluster(t *testing.T) {
	t.Parallel()
	nodes := redistest.StartCluster(t, 3)
	for _, namespace := range []string{"a", "b", "orders of the north"} {
		s := open(t, options{Addresses: []string{nodes[0].Addr()}, Namespace: namespace, Cluster: true, AllowSplitBrain: true})
		eventually(t, "the cluster to take an append", func() error {
			_, err := s.Append(t.Context(), revocation("one"))
			return err
		})
		position := mustAppend(t, s, "two")
		works(t, calls(s, position))
	}
	for _, node := range nodes {
		setUser(t, node, forGates, forClusters)
	}
	least := open(t, options{Addresses: []string{nodes[1].Addr()}, Cluster: true, AllowSplitBrain: true, Username: "gate", Password: "secret"})
	mustRead(t, least, mustAppend(t, least, "one"))

	s := open(t, options{Addresses: []string{nodes[0].Addr()}, Namespace: "b", AllowSplitBrain: true})
	c := open(t, options{Addresses: []string{nodes[1].Addr()}, Namespace: "b", AllowSplitBrain: true})
	_, err := s.Append(t.Context(), revocation("one"))
	_, err2 := c.Append(t.Context(), revocation("one"))
	if err == nil && err2 == nil || err != nil && !strings.Contains(err.Error(), "set cluster") {
		t.Errorf("a node without `cluster` gave %v and %v, want the advice to set it", err, err2)
	}
}

// holder returns the node that serves the keys of the namespace "test", another
// node, and their slot.
func holder(t *testing.T, nodes []*redistest.Server) (from, to *redistest.Server, slot string) {
	t.Helper()
	slot = strconv.FormatInt(nodes[0].Do("CLUSTER", "KEYSLOT", headKey).(int64), 10)
	for i, node := range nodes {
		if _, err := node.Try("EXISTS", headKey); err == nil {
			return node, nodes[(i+1)%len(nodes)], slot
		}
	}
	t.Fatal("no node serves the namespace")
	return nil, nil, ""
}

// Rule R6. The slot moves to another node while the store works. While only some of the
// keys have moved, no call is answered from only a part of them. Afterwards the other
// process begins a generation with all keys that arrived.
func TestClusterReshard(t *testing.T) {
	t.Parallel()
	nodes := redistest.StartCluster(t, 2)
	for _, node := range nodes {
		setUser(t, node, forGates, forClusters)
	}
	o := asGate(nodes[0])
	o.Cluster, o.AllowSplitBrain = true, true
	s := open(t, o)
	mustBeat(t, s, 1, mustAppend(t, s, "one", "two"))
	before := mustLook(t, s)
	from, to, slot := holder(t, nodes)
	id := func(node *redistest.Server) string { return node.Do("CLUSTER", "MYID").(string) }
	migrate := func(key string) {
		host, port, _ := net.SplitHostPort(to.Addr())
		from.Do("MIGRATE", host, port, key, "0", "5000")
	}
	to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", id(from))
	from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", id(to))
	if head := mustLook(t, s); head.Position != before.Position {
		t.Errorf("before a key has moved, the head is %+v", head)
	}
	migrate(logKey)
	for name, call := range logCalls(s, before.Position) {
		start := time.Now()
		if err := call(t.Context()); err == nil {
			t.Errorf("with the log moved and not the others, %s was answered", name)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s took %v to fail", name, took)
		}
	}
	for _, key := range []string{headKey, gatesKey, beatsKey} {
		migrate(key)
	}
	// All keys have moved, but not the slot: the client asks the other node.
	to.Do("ACL", "SETUSER", "gate", "-asking")
	if head, err := s.Look(t.Context()); err == nil {
		t.Errorf("+asking of docs/redis.md is not needed: the head is %+v", head)
	}
	setUser(t, to, forClusters)
	head := mustLook(t, s)
	for _, node := range nodes {
		node.Do("CLUSTER", "SETSLOT", slot, "NODE", id(to))
	}
	for range 2 {
		if after := mustLook(t, s); after.Position != head.Position {
			t.Errorf("after the move the head is %+v, while it was %+v", after, head)
		}
	}
	if head.Generation == before.Generation || head.State != store.StateRepair || head.Seq != 2 || len(head.Gates) != 0 {
		t.Errorf("on another node the head is %+v, before it was %+v", head, before)
	}
	if batch := mustRead(t, s, store.Position{}); len(batch.Entries) != 2 || batch.Born != 2 {
		t.Errorf("on another node, read %+v", batch)
	}
	works(t, logCalls(s, head.Position))
}

// Fault: no node serves the slot.
func TestClusterDown(t *testing.T) {
	t.Parallel()
	nodes := redistest.StartCluster(t, 1)
	s := open(t, options{Addresses: []string{nodes[0].Addr()}, Cluster: true, AllowSplitBrain: true})
	position := mustAppend(t, s, "one")
	node, _, slot := holder(t, nodes)
	node.Do("CLUSTER", "DELSLOTS", slot)
	for name, call := range logCalls(s, position) {
		start := time.Now()
		err := call(t.Context())
		if err == nil {
			t.Errorf("%s was answered", name)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s took %v to fail with %v", name, took, err)
		}
	}
	node.Do("CLUSTER", "ADDSLOTS", slot)
	eventually(t, "the slot to be served again", func() error {
		_, err := s.Look(t.Context())
		return err
	})
}
