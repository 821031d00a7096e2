package redistest_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

func TestServerAnswers(t *testing.T) {
	for name, options := range map[string][]redistest.Option{
		"on a port":       nil,
		"on a socket":     {redistest.Socket()},
		"with a password": {redistest.Password("secret")},
		"with config":     {redistest.Config("maxmemory 12mb")},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, options...)
			server.Do("SET", "key", "a\r\nvalue")
			if got := server.Do("GET", "key"); got != "a\r\nvalue" {
				t.Errorf("GET gave %q", got)
			}
			if got := server.Do("GET", "none"); got != nil {
				t.Errorf("GET of nothing gave %v", got)
			}
			if got := server.Do("EXISTS", "key"); got != int64(1) {
				t.Errorf("EXISTS gave %v", got)
			}
			if got := server.Do("KEYS", "*").([]any); len(got) != 1 || got[0] != "key" {
				t.Errorf("KEYS gave %v", got)
			}
		})
	}
}

func TestServersAreApart(t *testing.T) {
	a, b := redistest.Start(t), redistest.Start(t)
	a.Do("SET", "key", "value")
	if a.Addr() == b.Addr() || b.Do("GET", "key") != nil {
		t.Errorf("servers at %s and %s share a key", a.Addr(), b.Addr())
	}
}

func TestRestart(t *testing.T) {
	for name, options := range map[string][]redistest.Option{"on a port": nil, "on a socket": {redistest.Socket()}} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, options...)
			address := server.Addr()
			server.Do("SET", "saved", "1")
			server.Do("SAVE")
			server.Do("SET", "lost", "1")
			server.Stop()
			server.Stop() // a stopped server may be stopped again
			server.Restart()
			if server.Addr() != address {
				t.Errorf("it moved from %s to %s", address, server.Addr())
			}
			if server.Do("GET", "saved") != "1" || server.Do("GET", "lost") != nil {
				t.Error("it did not come back with what was saved")
			}
			server.Forget()
			server.Restart()
			if server.Do("GET", "saved") != nil {
				t.Error("it came back with what it was to forget")
			}
		})
	}
}

func TestFreezeAndThaw(t *testing.T) {
	server := redistest.Start(t)
	server.Freeze()
	conn, err := net.Dial("tcp", server.Addr())
	if err != nil {
		t.Fatalf("a frozen server accepts no connection: %v", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		t.Fatal(err)
	}
	answer := make(chan string, 1)
	go func() {
		reply := make([]byte, 16)
		n, _ := conn.Read(reply)
		answer <- string(reply[:n])
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	select {
	case got := <-answer:
		t.Errorf("a frozen server answered %q", got)
	case <-ctx.Done():
	}
	server.Thaw()
	if got := <-answer; got != "+PONG\r\n" {
		t.Errorf("thawed, it answered %q", got)
	}
}

func TestAddress(t *testing.T) {
	address, namespace := redistest.Address(t)
	_, another := redistest.Address(t)
	if address == "" || namespace == another || !strings.HasPrefix(namespace, "test-") {
		t.Errorf("address %q, namespaces %q and %q", address, namespace, another)
	}
}

// If the environment names a Redis, the tests use it. Afterwards only their namespace is
// cleared.
func TestAddressFromEnvironment(t *testing.T) {
	server := redistest.Start(t, redistest.Password("secret"))
	url := "redis://:secret@" + server.Addr()
	t.Setenv(redistest.Variable, url)
	server.Do("SET", "{session_gate:other}:log", "1")
	t.Run("user", func(t *testing.T) {
		address, namespace := redistest.Address(t)
		if address != url {
			t.Errorf("address %q, want %q", address, url)
		}
		server.Do("SET", "{session_gate:"+namespace+"}:log", "1")
	})
	if keys := server.Do("KEYS", "*").([]any); len(keys) != 1 || keys[0] != "{session_gate:other}:log" {
		t.Errorf("left are %v, want the other namespace's key", keys)
	}
}

// A relaunched server need not answer yet.
func TestRelaunch(t *testing.T) {
	server := redistest.Start(t)
	server.Do("SET", "saved", "1")
	server.Do("SAVE")
	server.Configure("maxmemory 64mb")
	server.Relaunch()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		reply, err := server.Try("GET", "saved")
		if err == nil && reply == "1" {
			break
		}
		<-tick.C
	}
	if reply := server.Do("CONFIG", "GET", "maxmemory").([]any); reply[1] != "67108864" {
		t.Errorf("its maxmemory is %v, want what was configured meanwhile", reply[1])
	}
}

func TestReplica(t *testing.T) {
	primary := redistest.Start(t, redistest.Config("repl-diskless-sync-delay 0"))
	primary.Do("SET", "key", "1")
	replica := redistest.StartReplica(t, primary)
	if replica.Do("GET", "key") != "1" {
		t.Error("the replica lacks what the primary has")
	}
	if reply, err := replica.Try("SET", "key", "2"); err == nil {
		t.Errorf("the replica took a write: %v", reply)
	}
}

func TestSentinel(t *testing.T) {
	primary := redistest.Start(t)
	sentinel := redistest.StartSentinel(t, primary, "mymaster")
	reply := sentinel.Do("SENTINEL", "get-master-addr-by-name", "mymaster").([]any)
	if got := net.JoinHostPort(reply[0].(string), reply[1].(string)); got != primary.Addr() {
		t.Errorf("the sentinel names %s, want %s", got, primary.Addr())
	}
}

func TestCluster(t *testing.T) {
	nodes := redistest.StartCluster(t, 3)
	served := 0
	for _, node := range nodes {
		for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
			// A node that does not hold the key's slot answers MOVED.
			if got, err := node.Try("SET", key, "1"); err == nil && got == "OK" {
				served++
			}
		}
	}
	if served != 6 {
		t.Errorf("6 keys have %d nodes to hold them, want one each", served)
	}
}
