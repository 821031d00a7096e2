package operator

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/issuing"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// unconfirmedLogout is the answer to a logout while its store is paused.
var unconfirmedLogout = answers.Answer{
	Status: 503, RetryAfter: "1",
	Body: `{"error":"temporarily_unavailable","message":"The revocation is not confirmed yet. Retry the same request."}`,
}

// caddyfileOf writes a Caddyfile to the directory of a gate: the gate's own with another
// store. It returns the file name.
func caddyfileOf(t *testing.T, g *harness.Gate, name, store string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(g.Dir(), "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	before, after, found := strings.Cut(string(text), "\t\tstore ")
	_, rest, ended := strings.Cut(after, "\n\t\t")
	if strings.HasPrefix(after, "redis") {
		_, rest, ended = strings.Cut(after, "}\n\t\t")
	}
	if !found || !ended {
		t.Fatalf("the Caddyfile has no store:\n%s", text)
	}
	text = []byte(before + "\t\t" + store + "\n\t\t" + rest)
	if err := os.WriteFile(filepath.Join(g.Dir(), name), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// checkRuns fails the test unless a command without --address exits with this code and
// prints these texts.
//
// Fault: among them is a log line of a gate, such as one that tells of a floor, and the
// operator takes it for a loss that the copy has made.
func checkRuns(t *testing.T, g *harness.Gate, code int, says []string, arguments ...string) {
	t.Helper()
	printed, got := operating.Run(t, g, arguments...)
	if got != code {
		t.Errorf("%q exits with %d, want %d:\n%s", arguments, got, code, printed)
	}
	for _, want := range says {
		if !strings.Contains(printed, want) {
			t.Errorf("%q prints\n%s\nwant %q in it", arguments, printed, want)
		}
	}
	if strings.Contains(printed, "level=") {
		t.Errorf("%q prints a log line:\n%s", arguments, printed)
	}
}

// past is a history of sessions at a gate, which its successor has to know.
type past struct {
	issuer         *issuing.Endpoint
	revoked, phone string
	ofBob, ofLater string
	ended, live    issuing.Tokens
}

func live(t *testing.T, g *harness.Gate) *past {
	t.Helper()
	p := &past{
		issuer: new(issuing.Endpoint), revoked: g.Token(harness.Session("laptop")), phone: g.Token(harness.Session("phone")),
		ofBob: g.Token(harness.Session("bobs", "sub", "bob")),
	}
	p.issuer.ServeAt(t, g)
	p.ended, p.live = issuing.Login(t, g), issuing.Login(t, g)
	p.ended, p.live = issuing.Refresh(t, g, p.ended.Refresh), issuing.Refresh(t, g, p.live.Refresh)
	harness.See(t, g, p.revoked, p.phone, p.ofBob, p.ended.Access, p.live.Access)
	answers.Invalidated.Check(t, harness.End(t, g, p.revoked))
	answers.Invalidated.Check(t, harness.End(t, g, p.ended.Access))
	operating.Check(t, g, 0, nil, "revoke", "--subject", "bob")
	// Bob logs in again, after that instant.
	p.ofLater = g.Token(harness.Session("bobs later", "sub", "bob"))
	harness.See(t, g, p.ofLater)
	return p
}

// check fails the test unless a gate knows the past.
func (p *past) check(t *testing.T, g *harness.Gate) {
	t.Helper()
	for what, token := range map[string]string{"a session": p.revoked, "of a subject": p.ofBob, "of a login": p.ended.Access} {
		if got := harness.Get(t, g, token); got.Status != 401 {
			t.Errorf("a revoked token (%s) is answered %d %s", what, got.Status, got.Body)
		}
	}
	p.issuer.CheckRefused(t, g, p.ended.Refresh)
	harness.CheckAdmitted(t, harness.Get(t, g, p.phone))
	harness.CheckAdmitted(t, harness.Get(t, g, p.ofLater))
	harness.CheckAdmitted(t, harness.Get(t, g, p.live.Access))
	operating.Check(t, g, 0, []string{`"phone"`, `"laptop"`, "revoked", "live"}, "list", "--subject", "alice")
}

const copyGate = "token_endpoint " + issuing.Path

// The documented procedure: a gate on one machine becomes a fleet, and back. It serves
// until its restart. No revoked session is admitted again, and users stay logged in.
func TestOperatorCopiesBoltToRedisAndBack(t *testing.T) {
	t.Parallel()
	redis := harness.Redis(redistest.Start(t).Addr(), "default")
	a := harness.Start(t, harness.Config{Gate: copyGate, App: "lease 1s"})
	p := live(t, a)
	caddyfileOf(t, a, "Caddyfile.redis", redis)

	checkRuns(t, a, 0, []string{"Pass 1: read ", "the last: read ", "Done. "}, "copy", "--from", "Caddyfile", "--to", "Caddyfile.redis")
	p.check(t, a) // it still checks requests
	during := a.Token(harness.Session("during"))
	harness.See(t, a, during)
	unconfirmedLogout.Check(t, harness.End(t, a, during))
	if got := issuing.Ask(t, a, issuing.Refreshing(p.live.Refresh)); got.Status != 503 {
		t.Errorf("a refresh is answered %d %s while what it yields cannot be learned", got.Status, got.Body)
	}
	// Attack: restart the copied gate, so that it accepts logouts again.
	a.Restart()
	unconfirmedLogout.Check(t, harness.End(t, a, during))

	a.Stop()
	file := filepath.Join(a.Dir(), "caddy", "session_gate", "revocations.db")
	grown := harness.Config{Store: redis, Gate: copyGate, App: "lease 1s", Key: a.Key, Upstream: a.Upstream}
	a = harness.Start(t, grown)
	b := harness.Start(t, grown)
	for _, g := range []*harness.Gate{a, b} {
		p.check(t, g)
	}
	answers.Invalidated.Check(t, harness.End(t, b, during))
	answers.BadToken.Check(t, harness.Get(t, a, during))
	// A login from before the copy ends with all its tokens.
	next := issuing.Refresh(t, b, p.live.Refresh)
	other := a.Token(harness.Session("other"))
	harness.See(t, a, other)
	answers.Invalidated.Check(t, harness.End(t, a, other))

	// Copy back: one gate is left, and then it stops.
	b.Stop()
	caddyfileOf(t, a, "Caddyfile.bolt", "store bolt "+file)
	checkRuns(t, a, 0, []string{"Done. "}, "copy", "--from", "Caddyfile", "--to", "Caddyfile.bolt")
	unconfirmedLogout.Check(t, harness.End(t, a, p.phone))
	a.Stop()
	a = harness.Start(t, harness.Config{Store: "store bolt " + file, Gate: copyGate, App: "lease 1s", Key: a.Key, Upstream: a.Upstream})
	p.check(t, a)
	for _, token := range []string{during, other} {
		answers.BadToken.Check(t, harness.Get(t, a, token))
	}
	answers.Invalidated.Check(t, harness.End(t, a, next.Access))
	answers.BadToken.Check(t, harness.Get(t, a, p.live.Access))
	p.issuer.CheckRefused(t, a, p.live.Refresh)
	p.issuer.CheckRefused(t, a, next.Refresh)
	a.Restart()
	answers.Invalidated.Check(t, harness.End(t, a, p.phone))
}

// A fleet on Redis is paused at each gate, and accepts logouts again when an operator says
// so. The running gate on the target learns everything at once.
func TestOperatorCopiesAFleetToARunningGate(t *testing.T) {
	t.Parallel()
	redis := harness.Redis(redistest.Start(t).Addr(), "default")
	gates := operating.Pair(t, redis)
	a, b := gates[0], gates[1]
	target := harness.Start(t, harness.Config{Key: a.Key})
	revoked, kept := a.Token(harness.Session("revoked")), a.Token(harness.Session("kept"))
	harness.See(t, a, kept)
	answers.Invalidated.Check(t, harness.End(t, a, revoked))
	from := caddyfileOf(t, target, "Caddyfile.redis", redis)
	checkRuns(t, target, 0, []string{"Done. "}, "copy", "--from", from, "--to", "Caddyfile")
	answers.BadToken.Check(t, harness.Get(t, target, revoked))
	for _, g := range gates {
		unconfirmedLogout.Check(t, harness.End(t, g, g.Token(harness.Session("anything"))))
		harness.CheckAdmitted(t, harness.Get(t, g, kept))
		answers.BadToken.Check(t, harness.Get(t, g, revoked))
	}
	checkRuns(t, target, 0, []string{"takes logouts again"}, "copy", "--resume", "--from", from)
	for i, g := range gates {
		answers.Invalidated.Check(t, harness.End(t, g, g.Token(harness.Session([]string{"one", "two"}[i]))))
	}
	// The same with a bolt file that a gate has open.
	checkRuns(t, target, 0, []string{"Done. "}, "copy", "--to", from, "--from", "Caddyfile")
	unconfirmedLogout.Check(t, harness.End(t, target, kept))
	checkRuns(t, target, 0, []string{"takes logouts again"}, "copy", "--resume", "--from", "Caddyfile")
	later := target.Token(harness.Session("later"))
	answers.Invalidated.Check(t, harness.End(t, target, later))
	harness.CheckAdmitted(t, harness.Get(t, b, later)) // no copy holds it
}

// Attack: lose the marker of a bolt file, so that nobody can tell what it lacks, and copy
// it to Redis. The target's gates must refuse tokens from before the loss, too.
func TestTheFloorMovesWithACopy(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{Store: "store bolt {$GATE_DIR}/revocations.db", App: "leeway 1s"})
	revoked, before := g.Token(harness.Session("revoked")), g.Token(harness.Session("before"))
	answers.Invalidated.Check(t, harness.End(t, g, revoked))
	g.Stop()
	if err := os.Remove(filepath.Join(g.Dir(), "revocations.db.init")); err != nil {
		t.Fatal(err)
	}
	redis := harness.Redis(redistest.Start(t).Addr(), "default")
	// No process has the file open: the command reads it directly.
	checkRuns(t, g, 0, []string{"Done. "}, "copy", "--from", "Caddyfile", "--to", caddyfileOf(t, g, "Caddyfile.redis", redis))
	after := harness.Start(t, harness.Config{Store: redis, Key: g.Key, App: "leeway 1s"})
	answers.BadToken.Check(t, harness.Get(t, after, before))
	answers.BadToken.Check(t, harness.Get(t, after, revoked))
	harness.LogIn(t, after, "fresh")
	operating.Check(t, after, 0, []string{"the store lost revocations"}, "floor")
}

// An impossible copy is refused before anything is written, with what to do.
func TestACopyThatCannotBeRightIsRefused(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	g := harness.Start(t, harness.Config{})
	orders := caddyfileOf(t, g, "Caddyfile.orders", harness.Redis(server.Addr(), "orders"))
	memory := caddyfileOf(t, g, "Caddyfile.memory", "store memory")
	missing := caddyfileOf(t, g, "Caddyfile.missing", "store bolt {$GATE_DIR}/missing.db")
	alias := caddyfileOf(t, g, "Caddyfile.alias", "store bolt {$GATE_DIR}/caddy/../caddy/session_gate/revocations.db")
	silent := caddyfileOf(t, g, "Caddyfile.silent", "store redis 127.0.0.1:1")
	plain := filepath.Join(g.Dir(), "Caddyfile.plain")
	if err := os.WriteFile(plain, []byte(":1234\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code      int
		arguments []string
		says      []string
	}{
		{1, []string{"--from", "Caddyfile", "--to", orders}, []string{`has the namespace "default"`, `has "orders"`, "namespace default"}},
		{1, []string{"--from", orders, "--to", "Caddyfile"}, []string{`has the namespace "orders"`, "use an empty store"}},
		{1, []string{"--from", "Caddyfile", "--to", memory}, []string{"cannot be copied"}},
		{1, []string{"--from", missing, "--to", "Caddyfile"}, []string{"missing.db", "the user of the gate"}},
		{1, []string{"--from", "Caddyfile", "--to", "Caddyfile"}, []string{"the same store"}},
		{1, []string{"--from", "Caddyfile", "--to", alias}, []string{"the same store"}},
		{2, []string{"--from", "Caddyfile", "--to", plain}, []string{"no session_gate in its global options"}},
		{2, []string{"--from", "Caddyfile", "--to", "nowhere"}, []string{"nowhere"}},
		{2, []string{"--from", "Caddyfile"}, []string{"--to or --resume"}},
		{2, []string{"--from", "Caddyfile", "--to", orders, "--resume"}, []string{"--to or --resume"}},
		{2, []string{"--from", "", "--to", orders}, []string{"--from is empty"}},
		{1, []string{"--from", "Caddyfile", "--to", silent}, []string{"reading the target", "connection refused"}},
	} {
		checkRuns(t, g, c.code, append(c.says, "Error: "), append([]string{"copy"}, c.arguments...)...)
	}
	if keys := server.Do("KEYS", "*").([]any); len(keys) > 0 {
		t.Errorf("the refused target has the keys %v", keys)
	}
	if _, err := os.Stat(filepath.Join(g.Dir(), "missing.db")); !os.IsNotExist(err) {
		t.Errorf("the missing source was made (%v)", err)
	}
	for _, c := range []struct {
		method string
		body   harness.Change
		status int
	}{
		{"GET", harness.JSON(`{"Do":"pause"}`), 405},
		// Attack: a page in the operator's browser pauses the store.
		{"POST", harness.Body("text/plain", `{"Do":"pause"}`), 415},
		{"POST", harness.JSON(`{"Do":`), 400},
		{"POST", harness.JSON(`{"Do":"other"}`), 503},
	} {
		if got := g.Admin(t, c.method, "/session_gate/copy", c.body); got.Status != c.status {
			t.Errorf("%s is answered %d %s, want %d", c.method, got.Status, got.Body, c.status)
		}
	}
	answers.Invalidated.Check(t, harness.End(t, g, g.Token(nil))) // it was not paused
}
