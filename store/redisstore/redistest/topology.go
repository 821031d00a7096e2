package redistest

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// StartSentinel starts a sentinel that watches a server under a name. It promotes
// a replica about a second after the server is gone.
func StartSentinel(tb testing.TB, primary *Server, name string, options ...Option) *Server {
	tb.Helper()
	host, port, err := net.SplitHostPort(primary.Addr())
	if err != nil {
		tb.Fatalf("starting a sentinel: %v", err)
	}
	options = append(options, func(s *Server) { s.flags = append(s.flags, "--sentinel") },
		Config("sentinel monitor "+name+" "+host+" "+port+" 1", "sentinel down-after-milliseconds "+name+" 1000"))
	s := Start(tb, options...)
	await(tb, "the sentinel to know the primary", func() bool {
		reply, err := s.Try("SENTINEL", "get-master-addr-by-name", name)
		return err == nil && reply != nil
	})
	return s
}

// StartReplica starts a server that follows another. It waits until the replica has the
// other's data, and counts for its min-replicas-to-write.
func StartReplica(tb testing.TB, primary *Server, options ...Option) *Server {
	tb.Helper()
	return StartReplicaAt(tb, primary, primary.Addr(), options...)
}

// StartReplicaAt is StartReplica with another address of the primary.
func StartReplicaAt(tb testing.TB, primary *Server, address string, options ...Option) *Server {
	tb.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		tb.Fatalf("starting a replica: %v", err)
	}
	s := Start(tb, append(options, Config("replicaof "+host+" "+port))...)
	await(tb, "the replica to have synced", func() bool {
		reply, err := s.Try("INFO", "replication")
		text, _ := reply.(string)
		followed, _ := primary.Do("INFO", "replication").(string)
		return err == nil && strings.Contains(text, "master_link_status:up") && !strings.Contains(followed, "min_slaves_good_slaves:0")
	})
	return s
}

// StartCluster starts a Cluster of primaries that serve all slots between them.
func StartCluster(tb testing.TB, primaries int, options ...Option) []*Server {
	tb.Helper()
	const slots = 16384
	nodes := make([]*Server, primaries)
	for i := range nodes {
		bus := "cluster-port " + strconv.Itoa(freePort(tb))
		nodes[i] = Start(tb, append(options, Config("cluster-enabled yes", "cluster-config-file nodes.conf", bus))...)
		first, last := i*slots/primaries, (i+1)*slots/primaries-1
		nodes[i].Do("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last))
		if i > 0 {
			host, port, _ := net.SplitHostPort(nodes[i].Addr())
			reply := nodes[i].Do("CONFIG", "GET", "cluster-port").([]any)
			nodes[0].Do("CLUSTER", "MEET", host, port, reply[1].(string))
		}
	}
	await(tb, "the cluster to be whole", func() bool {
		for _, node := range nodes {
			reply, err := node.Try("CLUSTER", "INFO")
			text, _ := reply.(string)
			if err != nil || !strings.Contains(text, "cluster_state:ok") ||
				!strings.Contains(text, "cluster_known_nodes:"+strconv.Itoa(primaries)) {
				return false
			}
		}
		return true
	})
	return nodes
}

// await waits until a condition holds.
func await(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(startLimit)
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			tb.Fatalf("waiting for %s: not within %v", what, startLimit)
		}
	}
}
