package redisstore_test

import (
	"crypto/rand"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/store/storetest"
)

// redisPage is the page for operators.
const redisPage = "../../docs/redis.md"

// The commands of docs/redis.md that create a user or give it further rights, by their
// beginnings.
const (
	forGates     = "redis-cli ACL SETUSER gate reset "
	forClusters  = "redis-cli ACL SETUSER gate '+cluster|slots'"
	forDatabases = "redis-cli ACL SETUSER gate +select"
	forCopies    = "redis-cli ACL SETUSER gate +scan"
	forSentinels = "redis-cli -p 26379 ACL SETUSER gate reset "
)

var words = regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`)

// rules returns the rules of a command of docs/redis.md, for a user of the namespace
// "test" whose password is "secret".
func rules(t *testing.T, begin string) (rules []string) {
	t.Helper()
	text, err := os.ReadFile(redisPage)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```sh\n"+begin)
	block, _, closed := strings.Cut(begin+rest, "\n```")
	if !found || !closed {
		t.Fatalf("the page has no command %q", begin)
	}
	_, block, _ = strings.Cut(strings.ReplaceAll(block, "\\\n", " "), "SETUSER gate ")
	for _, word := range words.FindAllString(block, -1) {
		word = strings.Trim(word, `'"`)
		if strings.HasPrefix(word, ">") {
			word = ">secret"
		}
		rules = append(rules, strings.ReplaceAll(word, ":orders}", ":test}"))
	}
	return rules
}

// setUser gives a server the user of the page, with the rights of further commands of it.
func setUser(t *testing.T, server *redistest.Server, begins ...string) {
	t.Helper()
	for _, begin := range begins {
		server.Do(append([]string{"ACL", "SETUSER", "gate"}, rules(t, begin)...)...)
	}
}

// asGate returns options of the user of the page.
func asGate(server *redistest.Server) options {
	return options{Addresses: []string{server.Addr()}, Namespace: "test", Username: "gate", Password: "secret"}
}

// The user of the page may do all that gates do: this is the whole contract of stores, and
// that of fleets with restarts and losses.
func TestTheUserOfThePageMayDoAllThatGatesDo(t *testing.T) {
	server := redistest.Start(t, redistest.Config("appendonly yes", "appendfsync no"))
	place := func(t *testing.T) storetest.Place {
		o := asGate(server)
		o.Namespace = rand.Text()
		user := rules(t, forGates)
		for i := range user {
			user[i] = strings.ReplaceAll(user[i], ":test}", ":"+o.Namespace+"}")
		}
		server.Do(slices.Concat([]string{"ACL", "SETUSER", "gate"}, user, rules(t, forCopies))...)
		return storetest.Place{
			Open: func(t *testing.T) store.Backend { return open(t, o) },
			Limited: func(t *testing.T, limits store.SessionLimits) store.Backend {
				limited := o
				limited.Sessions = limits
				return open(t, limited)
			},
			Durable: true,
		}
	}
	t.Run("store", func(t *testing.T) { storetest.Run(t, place) })
	t.Run("tokens", func(t *testing.T) { storetest.RunGrants(t, place) })
	t.Run("copy", func(t *testing.T) { storetest.RunMovable(t, place) })
}

// The same for fleets. A restarted server forgets a user that it did not keep.
func TestTheUserOfThePageServesAFleet(t *testing.T) {
	server := redistest.Start(t, redistest.Config("appendonly yes", "appendfsync no"))
	setUser(t, server, forGates)
	restart := func() {
		server.Restart()
		setUser(t, server, forGates)
	}
	runFleet(t, server, restart, func(t *testing.T) *redisstore.Store { return open(t, asGate(server)) })
}

// Attack: somebody gets the password of the gates, and uses it for more than gates do.
func TestTheUserOfThePageMayDoNoMore(t *testing.T) {
	server := redistest.Start(t)
	setUser(t, server, forGates)
	mustAppend(t, open(t, asGate(server)), "one")
	for _, command := range []string{
		"FLUSHALL", "FLUSHDB", "KEYS *", "SCAN 0", "CONFIG SET maxmemory 1", "CONFIG REWRITE", "SHUTDOWN", "SAVE",
		"ACL LIST", "ACL SETUSER gate allcommands", "CLIENT LIST", "CLIENT KILL TYPE normal", "MONITOR", "REPLICAOF NO ONE",
		"SUBSCRIBE all", "PUBLISH all one", "DEL " + headKey, "RENAME " + headKey + " {session_gate:test}:other", "SCRIPT FLUSH", "FUNCTION LIST",
		"HSET other field value", "HMGET {session_gate:other}:head version", "XADD {session_gate:testing}:log * r one",
		"XREAD STREAMS {session_gate:other}:log 0", "ZADD sessions 1 one", "EXPIRE other 1",
		"EVAL redis.call('SET','other','1') 0", "EVAL return(redis.call('DEL',KEYS[1])) 1 " + headKey,
		"EVAL return(redis.call('HSET','other','field','value')) 0",
	} {
		reply, err := server.TryAs("gate", "secret", strings.Fields(command)...)
		refused := err != nil && (strings.Contains(err.Error(), "NOPERM") || strings.Contains(err.Error(), "ACL failure in script") ||
			strings.Contains(err.Error(), "The user executing the script can't"))
		if !refused {
			t.Errorf("%q gave %v, %v; want a refusal by the ACL", command, reply, err)
		}
	}
	if _, err := server.TryAs("gate", "secret", "HMGET", headKey, "version"); err != nil {
		t.Errorf("this test shows nothing: %v", err)
	}
}

// Each right of the page is needed: without it a call fails, or the store says what to
// permit.
func TestEachRightOfThePageIsNeeded(t *testing.T) {
	server := redistest.Start(t, guarded)
	redistest.StartReplica(t, server, guarded)
	guardedBy(server, "1", "60") // on a busy machine, the replica may not answer for some seconds
	setUser(t, server, forGates)
	if failsSomewhere(t, server, asGate(server)) {
		t.Fatal("with all rights, a call fails")
	}
	for _, rule := range rules(t, forGates) {
		if rule[0] != '+' {
			continue
		}
		setUser(t, server, forGates)
		server.Do("ACL", "SETUSER", "gate", "-"+rule[1:])
		if !failsSomewhere(t, server, asGate(server)) {
			t.Errorf("%s is not needed", rule)
		}
	}

	setUser(t, server, forGates)
	o := asGate(server)
	o.DB = 1
	if _, err := open(t, o).Append(t.Context(), revocation("one")); err == nil || !strings.Contains(err.Error(), "permit the user") {
		t.Errorf("with another database, Append gave %v; want what to permit", err)
	}
	setUser(t, server, forDatabases)
	mustAppend(t, open(t, o), "one")
	o = asGate(server)
	o.Namespace = "other"
	if _, err := open(t, o).Append(t.Context(), revocation("one")); err == nil || !strings.Contains(err.Error(), "docs/redis.md") {
		t.Errorf("in another namespace, Append gave %v; want where the rights are", err)
	}
}

// On a Cluster, a gate asks for the slots. Without +command it asks each node in vain, with
// every call. TestClusterReshard shows what +asking is for.
func TestEachRightOfThePageIsNeededOnACluster(t *testing.T) {
	t.Parallel()
	nodes := redistest.StartCluster(t, 2)
	o := asGate(nodes[0])
	o.Cluster, o.AllowSplitBrain = true, true
	without := func(rule string) {
		for _, node := range nodes {
			setUser(t, node, forGates, forClusters)
			node.Do("ACL", "SETUSER", "gate", "-"+rule)
		}
	}
	without("get") // which no gate has
	s := open(t, o)
	eventually(t, "the Cluster to take an append", func() error {
		_, err := s.Append(t.Context(), revocation("one"))
		return err
	})
	works(t, calls(s, mustAppend(t, s, "two")))
	without("cluster|slots")
	if _, err := open(t, o).Append(t.Context(), revocation("one")); err == nil {
		t.Error("+cluster|slots is not needed")
	}
	without("command")
	s = open(t, o)
	for range 10 {
		mustLook(t, s)
	}
	refused := regexp.MustCompile(`cmdstat_command:.*rejected_calls=(\d\d)`)
	if stats := nodes[1].Do("INFO", "commandstats").(string); !refused.MatchString(stats) {
		t.Errorf("+command is not needed:\n%s", stats)
	}
}

// The table of the page explains each right, and nothing else.
func TestThePageExplainsEachRight(t *testing.T) {
	text, err := os.ReadFile(redisPage)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| commands | the gate needs them for |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var explained, permitted []string
	for line := range strings.Lines(table) {
		cell := strings.Split(strings.ReplaceAll(line, `\|`, "!"), "|")[1]
		for _, code := range regexp.MustCompile("`[^`]+`").FindAllString(cell, -1) {
			explained = append(explained, strings.ReplaceAll(strings.Trim(code, "`"), "!", "|"))
		}
	}
	for _, rule := range rules(t, forGates) {
		if rule[0] == '+' {
			permitted = append(permitted, rule[1:])
		}
	}
	slices.Sort(explained)
	slices.Sort(permitted)
	if !slices.Equal(explained, permitted) || len(explained) == 0 {
		t.Errorf("explained are %q, permitted %q", explained, permitted)
	}
}

// failsSomewhere reports whether any call on a fresh namespace, on a trimmed log
// or on a log without head fails.
func failsSomewhere(t *testing.T, server *redistest.Server, gate options) bool {
	t.Helper()
	server.Do("FLUSHALL")
	server.Do("SCRIPT", "FLUSH")
	s := open(t, gate)
	expired := revocation("one") // so that there is something to trim
	expired.Expires = time.Now().Add(-time.Minute).Unix()
	position, err := s.Append(t.Context(), expired)
	failed := err != nil
	for _, call := range calls(s, position) {
		err := call(t.Context())
		failed = failed || err != nil && !errors.Is(err, store.ErrUnknownSession)
	}
	failed = s.Trim(t.Context(), expiry()) != nil || failed
	server.Do("DEL", headKey)
	_, err = s.Append(t.Context(), revocation("two"))
	return failed || err != nil
}
