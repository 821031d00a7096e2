package chaos

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// Attack, and fault: use a session while the revocation log moves from one node of a
// Cluster to another, and half of it is on each.
func TestClusterMovesTheLog(t *testing.T) {
	t.Parallel()
	nodes := redistest.StartCluster(t, 3)
	var addresses []string
	for _, node := range nodes {
		addresses = append(addresses, node.Addr())
	}
	store := "store redis " + strings.Join(addresses, " ") + " {\ncluster\nallow_split_brain\nnamespace chaos\n}"
	f := StartGates(t, []string{store, store, store}, Lease)
	slot := strconv.FormatInt(nodes[0].Do("CLUSTER", "KEYSLOT", "{session_gate:chaos}:log").(int64), 10)
	ended := endSome(t, f)
	play(t, f, []scenario{
		{"the slot of the log is moved under load", unwitnessed, func(t *testing.T, f *Fleet) {
			for range 3 {
				moveSlot(t, nodes, slot)
				endSome(t, f)
			}
		}},
	})
	stayOver(t, f, ended)
}

// moveSlot moves a slot to the next node, key by key, as redis-cli does.
func moveSlot(t *testing.T, nodes []*redistest.Server, slot string) {
	t.Helper()
	keysOf := func(node *redistest.Server) []any {
		return node.Do("CLUSTER", "GETKEYSINSLOT", slot, "1000").([]any)
	}
	for i, from := range nodes {
		if len(keysOf(from)) == 0 {
			continue
		}
		to := nodes[(i+1)%len(nodes)]
		source, target := from.Do("CLUSTER", "MYID").(string), to.Do("CLUSTER", "MYID").(string)
		host, port, err := net.SplitHostPort(to.Addr())
		if err != nil {
			t.Fatal(err)
		}
		to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", source)
		from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", target)
		moved := 0
		for keys := keysOf(from); len(keys) > 0; keys = keysOf(from) {
			for _, key := range keys {
				from.Do("MIGRATE", host, port, key.(string), "0", "5000")
				moved++
				if strings.HasSuffix(key.(string), ":log") || strings.HasSuffix(key.(string), ":head") {
					lasts(Lease / 5) // one here, the other there
				}
			}
		}
		for _, node := range []*redistest.Server{to, from, nodes[(i+2)%len(nodes)]} {
			node.Do("CLUSTER", "SETSLOT", slot, "NODE", target)
		}
		t.Logf("%d keys moved from %s to %s", moved, from.Addr(), to.Addr())
		return
	}
	t.Fatal("no node holds a key of the log's slot")
}
