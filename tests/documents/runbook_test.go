package documents

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
	"github.com/sessiongate/sessiongate/tests/running"
)

// The blocks of the runbook.
const (
	checkToken  = "caddy session-gate check - < token"
	probeLogout = "caddy session-gate revoke --session "
	cutStreams  = "curl -s http://localhost:9180/metrics | grep streams_cut_total"
	heldMemory  = "curl -s http://localhost:9180/metrics | grep -E "
)

// symptom returns the section of the runbook with a heading.
func symptom(t *testing.T, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(pageText(t, operations), "\n### "+heading+"\n")
	if !found {
		t.Fatalf("the runbook has no section %q", heading)
	}
	return text[:strings.Index(text, "\n##")]
}

func pageText(t *testing.T, page string) string {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	quoted = regexp.MustCompile("`([^`\n]+)`")
	cells  = regexp.MustCompile(`(?m)^\| ([^|]+) \|`)
)

// causes returns the texts in backquotes in the first column of a section's tables, without
// the headings.
func causes(t *testing.T, heading string) (all []string) {
	t.Helper()
	for _, row := range strings.Split(symptom(t, heading), "|---|---|---|\n")[1:] {
		for _, cell := range cells.FindAllStringSubmatch(row, -1) {
			for _, text := range quoted.FindAllStringSubmatch(cell[1], -1) {
				all = append(all, text[1])
			}
		}
	}
	if len(all) == 0 {
		t.Fatalf("the section %q has no causes", heading)
	}
	return all
}

// Somebody at night acts by the rule that check marks with NO. So the runbook must name each
// rule as check does, and check must mark it for a token that breaks it.
func TestTheRunbookFindsWhyATokenIsRefused(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{Issuers: harness.IssuerWith("require token_use access")})
	token := func(further ...any) string {
		return g.Token(harness.Session("laptop", append([]any{"token_use", "access"}, further...)...))
	}
	now := time.Now()
	revoked := g.Token(harness.Session("revoked", "token_use", "access"))
	answers.Invalidated.Check(t, harness.End(t, g, revoked))
	broken := map[string]string{
		"revocation": revoked,
		"time":       token("iat", now.Add(-2*time.Hour).Unix(), "exp", now.Add(-time.Hour).Unix()),
		"audience":   token("aud", "other"),
		"require":    token("token_use", "id"),
		"claims":     token("events", map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}),
		"issuer":     token("iss", tokentest.Issuer+"/"),
		"signature":  tokentest.Mint(t, harness.NewKey(), tokentest.Claims(now, nil)),
		"algorithm":  tokentest.Mint(t, tokentest.NewKey(t, "ES256", ""), tokentest.Claims(now, nil)),
	}
	sh := shellOf(t, g, "0")
	check := func(token string) string {
		write(t, filepath.Join(g.Dir(), "token"), token)
		said, _ := sh.try(t, blockOf(t, operations, checkToken)) // it exits with 1
		return said
	}
	if said := check(token()); strings.Contains(said, "NO ") {
		t.Errorf("of a good token, check says\n%s", said)
	}
	named := slices.Concat(causes(t, "One user gets 401"), causes(t, "All users get 401"))
	for rule := range broken {
		if !slices.Contains(named, rule) {
			t.Errorf("the runbook does not name the rule %q", rule)
		}
	}
	for _, rule := range named {
		if said := check(broken[rule]); !regexp.MustCompile(`(?m)^NO +` + rule + ` `).MatchString(said) {
			t.Errorf("of a token that breaks the rule %q, check says\n%s", rule, said)
		}
	}
	if said := check(revoked); !regexp.MustCompile(`: since \d{4}-\S+ by a logout`).MatchString(said) {
		t.Errorf("check does not say since when, and by what, a session is revoked:\n%s", said)
	}
}

// A receipt names what a logout waits for. The runbook must have the words of the receipt, for
// each cause of a slow logout.
func TestTheRunbookFindsWhatSlowsLogouts(t *testing.T) {
	t.Parallel()
	const unconfirmed = "did not confirm: a lease had to pass"
	for name, c := range map[string]struct {
		words string
		slow  func(t *testing.T, redis *redistest.Server, second *harness.Gate)
	}{
		"a frozen gate": {unconfirmed, func(_ *testing.T, _ *redistest.Server, second *harness.Gate) { second.Signal(syscall.SIGSTOP) }},
		"a killed gate": {unconfirmed, func(_ *testing.T, _ *redistest.Server, second *harness.Gate) { second.Kill() }},
		"a gate that never confirms": {"some gates do not confirm (acknowledge lease)", func(t *testing.T, redis *redistest.Server, second *harness.Gate) {
			t.Helper()
			harness.Load(t, second, harness.Config{Store: harness.Redis(redis.Addr(), "slow"), App: "acknowledge lease"})
		}},
		"a loss": {"the revocation log was restored a moment ago", func(_ *testing.T, redis *redistest.Server, _ *harness.Gate) { redis.Do("FLUSHALL") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			words := c.words
			if !slices.Contains(causes(t, "A logout is slow"), words) {
				t.Errorf("the runbook does not have the words %q", words)
			}
			redis := redistest.Start(t)
			gates := operating.Pair(t, harness.Redis(redis.Addr(), "slow"))
			sh := shellOf(t, gates[0], "0")
			if said := sh.run(t, operations, probeLogout); strings.Contains(said, words) || !strings.Contains(said, "after ") {
				t.Errorf("the receipt of a healthy fleet is\n%s", said)
			}
			if name == "a frozen gate" {
				defer gates[1].Signal(syscall.SIGCONT)
			}
			harness.Eventually(t, harness.TrafficLimit, "a receipt says "+words, func() bool {
				c.slow(t, redis, gates[1])
				said, err := sh.try(t, blockOf(t, operations, probeLogout))
				return err == nil && strings.Contains(said, words)
			})
		})
	}
}

// A logout that changed something is in the log, and one that was refused is not. check says
// if a logout ends one token only.
func TestTheRunbookFindsALogoutThatDidNotWork(t *testing.T) {
	t.Parallel()
	const done = "a revocation holds everywhere"
	for _, want := range []string{"`" + done + "`", "`DELETE ends` `token`"} {
		if !strings.Contains(symptom(t, "A logout does not work"), want) {
			t.Errorf("the runbook does not have %s", want)
		}
	}
	g := harness.Start(t, harness.Config{Issuers: harness.IssuerWith("without_session token")})
	token := g.Token(map[string]any{"sid": nil, "auth_time": nil})
	write(t, filepath.Join(g.Dir(), "token"), token)
	said := shellOf(t, g, "0").run(t, operations, checkToken)
	if !regexp.MustCompile(`(?m)^ *DELETE ends +token`).MatchString(said) {
		t.Errorf("check does not say that a logout ends one token:\n%s", said)
	}
	answers.NoSession.Check(t, harness.End(t, g, token, `{"session_id": "of somebody else"}`))
	if strings.Contains(g.Logs(), done) {
		t.Errorf("the log says %q of a logout that was refused", done)
	}
	answers.Invalidated.Check(t, harness.End(t, g, token))
	harness.Says(t, g, done)
}

// A stream that was cut because of a logout is counted, and the runbook's command shows why.
func TestTheRunbookFindsWhatEndsAStream(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{Routes: "handle /metrics {\nmetrics\n}\nhandle {\nsession_gate\nreverse_proxy {$UPSTREAM}\n}"})
	sh := shellOf(t, g, "0", "localhost:9180", g.Addr())
	answers.Invalidated.Check(t, harness.End(t, g, g.Token(harness.Session("held"))))
	begun, _ := running.Serve(g.Upstream)
	token := g.Token(harness.Session("laptop"))
	stream := running.Start(t, http.DefaultClient, g.URL("/events"), "stream", token, begun)
	for _, metric := range []string{"set_bytes", "sessions_seen", "streams", "go_goroutines", "process_resident_memory_bytes"} {
		if said := sh.run(t, operations, heldMemory); !regexp.MustCompile(`(?m)^\w*` + metric + ` [1-9]`).MatchString(said) {
			t.Errorf("%s is not shown, or 0:\n%s", metric, said)
		}
	}
	answers.Invalidated.Check(t, harness.End(t, g, token))
	stream.IsCut(t, time.Now())
	said := sh.run(t, operations, cutStreams)
	for _, cause := range causes(t, "A stream ends") {
		want := map[string]string{"revoked": "1"}[cause]
		if want == "" {
			want = "0"
		}
		if !strings.Contains(said, `streams_cut_total{cause="`+cause+`"} `+want+"\n") {
			t.Errorf("%s is not %s:\n%s", cause, want, said)
		}
	}
}

// The runbook quotes lines of the log, words of health and names of metrics. What was renamed
// since cannot be found at night.
func TestTheRunbookQuotesWhatThereIs(t *testing.T) {
	t.Parallel()
	_, text, _ := strings.Cut(pageText(t, operations), "\n## By symptom\n")
	text, _, found := strings.Cut(text, "\n## ")
	if !found {
		t.Fatal("there is no runbook")
	}
	known := sources(t)
	for _, page := range []string{"api", "backchannel-logout", "configuration", "logs", "metrics", "refresh-tokens", "streams"} {
		known += pageText(t, "docs/"+page+".md")
	}
	quotes := make(map[string]bool)
	for _, quote := range quoted.FindAllStringSubmatch(text, -1) {
		quotes[quote[1]] = true
	}
	for _, quote := range slices.Sorted(maps.Keys(quotes)) {
		if !strings.Contains(known, quote) && !strings.HasPrefix(quote, "curl ") {
			t.Errorf("the runbook quotes %q, which no page and no source has", quote)
		}
	}
	if len(quotes) < 40 {
		t.Errorf("found %d quotes", len(quotes))
	}
}

// sources returns the source of what operators read, and of the store that fails most often.
func sources(t *testing.T) string {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, folder := range []string{"caddymodule/command", "caddymodule/operator", "store/redisstore"} {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("found %d files in %s, error %v", len(files), folder, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
	}
	return all.String()
}
