package tokenendpoint

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/oauth"
	"github.com/sessiongate/sessiongate/caddymodule/tokenendpoint/granttest"
	"github.com/sessiongate/sessiongate/store/redisstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// grantCost is a request to a token endpoint. It holds how often, and for how many names,
// the store is asked for it.
type grantCost struct {
	form         string
	known, names int
	up           bool // whether the request goes up, and its answer is learned
}

// grantCosts returns requests of ordinary clients and of hostile ones.
func grantCosts(t *testing.T, g *grantTest) map[string]grantCost {
	t.Helper()
	form := func(parameters ...string) string {
		values := make(url.Values)
		for i := 0; i < len(parameters); i += 2 {
			values.Set(parameters[i], parameters[i+1])
		}
		return values.Encode()
	}
	jwt := func(n string) string { return g.Mint(t, map[string]any{"jti": n, "exp": nil}) }
	long := strings.Repeat("a", oauth.MaxTokenSize)
	return map[string]grantCost{
		"a login":                       {form("grant_type", "password"), 0, 0, true},
		"an opaque token":               {form("refresh_token", "r"), 1, 1, true},
		"a JWT":                         {form("subject_token", jwt("1")), 1, 2, true},
		"three opaque tokens":           {form("refresh_token", "a=b.c=d", "subject_token", "e=f.g=h", "actor_token", "i=j.k=l"), 1, 3, true},
		"three of padding and dots":     {form("refresh_token", "==.==.==", "subject_token", "..=..=", "actor_token", "=.=.=.=.="), 1, 3, true},
		"three of the longest":          {form("refresh_token", long, "subject_token", long[1:]+"b", "actor_token", long[1:]+"c"), 1, 3, true},
		"one token three times":         {form("refresh_token", "r", "subject_token", "r", "actor_token", "r"), 1, 1, true},
		"JWTs, and an opaque token":     {form("refresh_token", "r", "subject_token", jwt("1"), "actor_token", jwt("2")), 1, 5, true},
		"four tokens":                   {form("refresh_token", "r", "subject_token", jwt("1"), "actor_token", jwt("2"), "assertion", jwt("3")), 1, 7, true},
		"three that are too long":       {granttest.ThreeTokens(20_000), 0, 0, false},
		"a respelt JWT":                 {form("refresh_token", jwt("1")+"="), 0, 0, false},
		"a JWT that says no end":        {form("refresh_token", jwt("1")), 0, 0, false},
		"tokens, and a malformed one":   {form("refresh_token", "a", "subject_token", "b", "actor_token", "c\n"), 0, 0, false},
		"many parameters":               {form("refresh_token", "a") + strings.Repeat("&x=", oauth.MaxParameters), 0, 0, false},
		"a name of brackets and tokens": {"refresh_token" + strings.Repeat("[", 60_000) + "=a", 1, 1, true},
	}
}

// Attack: a body of 150 bytes with three opaque tokens costs the store hundreds of
// look-ups. Whatever a request presents, the gate asks the store once before it
// forwards the request, and writes once before it returns the answer.
func TestARequestAsksTheStoreOnce(t *testing.T) {
	g := newGrantTest(t, Options{})
	h := g.Store
	var known, learned, members atomic.Int32
	h.On("Known", func() error { known.Add(1); return nil })
	h.On("Learn", func() error { learned.Add(1); return nil })
	h.On("Members", func() error { members.Add(1); return nil })
	for name, tt := range grantCosts(t, g) {
		known.Store(0)
		learned.Store(0)
		g.Hands(hand(g.access(t, "new", nil), "next"))
		a := g.Send(t, http.MethodPost, tokenPath, formMedia, tt.form)
		up := len(g.Take()) == 1
		if up != tt.up || (a.StatusCode == http.StatusOK) != tt.up {
			t.Errorf("%s: answered %d %s, went up: %t", name, a.StatusCode, a.Text, up)
		}
		wantLearned := 0
		if tt.up {
			wantLearned = 1
		}
		if int(known.Load()) != tt.known || int(learned.Load()) != wantLearned || members.Load() != 0 {
			t.Errorf("%s: %d calls of Known, %d of Learn, %d of Members; want %d, %d and none",
				name, known.Load(), learned.Load(), members.Load(), tt.known, wantLearned)
		}
	}
}

// The same in commands of a real Redis, which also counts the commands of scripts: one
// HMGET for each name, all of them in one pipeline. An answer costs one script.
func TestARequestCostsRedisFewCommands(t *testing.T) {
	server := redistest.Start(t)
	redis, err := redisstore.Open(redisstore.Options{
		Addresses: []string{server.Addr()}, Namespace: "cost", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = redis.Close() })
	g := newGrantTest(t, Options{})
	h := g.Store
	h.Keep(redis)
	// Connect, and load the script.
	g.Login(t, hand(g.access(t, "first", nil), "first"))
	for name, tt := range grantCosts(t, g) {
		server.Do("CONFIG", "RESETSTAT")
		g.Hands(map[string]any{"access_token": "opaque"})
		g.Send(t, http.MethodPost, tokenPath, formMedia, tt.form)
		g.Take()
		if calls := commands(t, server); calls["hmget"] != tt.names || len(calls) > 1 || tt.names == 0 && len(calls) > 0 {
			t.Errorf("%s: redis ran %v, want %d HMGET", name, calls, tt.names)
		}
	}
	for sessions := 1; sessions <= 3; sessions++ {
		server.Do("CONFIG", "RESETSTAT")
		access := g.access(t, "t"+strconv.Itoa(sessions), map[string]any{"sid": fmt.Sprint("s", sessions)})
		g.Grant(t, hand(access, "r"), "grant_type", "password").Want(t, http.StatusOK, "{")
		total := 0
		calls := commands(t, server)
		for _, n := range calls {
			total += n
		}
		if calls["evalsha"] != 1 || calls["hmget"] > 4 || total > 25 {
			t.Errorf("an answer in session %d: redis ran %v", sessions, calls)
		}
	}
}

var callsOf = regexp.MustCompile(`cmdstat_([a-z|]+):calls=(\d+)`)

// commands returns how often Redis ran each command since its counters were reset. It omits
// the commands that begin a connection, and those of the test itself.
func commands(t *testing.T, server *redistest.Server) map[string]int {
	t.Helper()
	calls := make(map[string]int)
	stats, _ := server.Do("INFO", "commandstats").(string)
	for _, match := range callsOf.FindAllStringSubmatch(stats, -1) {
		switch match[1] {
		case "config|resetstat", "config|get", "info", "hello", "client|setinfo", "client|setname", "client|maint_notifications", "ping":
		default:
			n, err := strconv.Atoi(match[2])
			if err != nil {
				t.Fatal(err)
			}
			calls[match[1]] = n
		}
	}
	return calls
}
