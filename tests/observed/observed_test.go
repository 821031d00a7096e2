package observed

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/issuing"
	"github.com/sessiongate/sessiongate/tests/running"
)

// pending is how long an alert waits before it fires.
var pending = regexp.MustCompile(`(?m)^        for: \w+$`)

// matchers find the values of labels that an expression asks for. The variables of the board,
// such as the instance, ask for all.
var matchers = regexp.MustCompile(`(outcome|result|kind|source|cause|operation|issuer)(?:=~|!~|!=|=)"([^"]*)"`)

// An alert that looks at a metric by a wrong name or label is silent for ever, and a panel is
// empty. So a real Prometheus scrapes gates that serve, refuse, revoke and lose their store.
// Then each expression of the alerts and of the board must have something to show.
func TestAlertsAndBoardSeeWhatHappens(t *testing.T) {
	t.Parallel()
	f := startFleet(t)
	p := startPrometheus(t, pending.ReplaceAllString(text(t, rulesFile), "        for: 0s"), map[string][]string{
		"gate": {f.a.Addr(), f.b.Addr()}, "single": {f.single.Addr()},
	})
	p.sees(t, 3, "count_over_time(caddy_session_gate_fenced[1m]) >= 2")
	f.send(t)
	f.revokeInEveryWay(t)
	for outcome := range f.requests(t) {
		p.sees(t, 1, `sum by (outcome) (caddy_session_gate_requests_total{outcome="`+outcome+`"}) > 0`)
	}
	p.idles(t)
	// The start of gates on an empty store, and ordinary traffic, are no alarm. Only the
	// issuer without keys is one, at both gates.
	p.fires(t, 2, "SessionGateKeysMissing")
	p.sees(t, 0, `ALERTS{alertname!="SessionGateKeysMissing"}`)

	f.redis.Stop()
	p.fires(t, 2, "SessionGateStoreDown")
	p.fires(t, 2, "SessionGateFenced")
	unconfirmed := f.token()
	if got := harness.End(t, f.a, unconfirmed); got.Status != http.StatusServiceUnavailable {
		t.Errorf("a logout without a store was answered %d", got.Status)
	}
	p.sees(t, 1, "sum(caddy_session_gate_revocations_pending) > 0")
	p.idles(t)
	f.redis.Restart()
	p.sees(t, 1, `count(ALERTS{alertstate="firing", alertname="SessionGateRepair"})`) // of one or more causes
	p.fires(t, 0, "SessionGateStoreDown")
	p.fires(t, 0, "SessionGateFenced")
	p.sees(t, 0, "caddy_session_gate_revocations_pending > 0")
	p.sees(t, 2, "caddy_session_gate_gates == 2")
	p.idles(t)

	b := readBoard(t, everything)
	p.checkExpressions(t, b)
	if *picture != "" {
		draw(t, p, b, *picture)
	}
	for _, g := range []*harness.Gate{f.a, f.b, f.single} {
		g.Stop()
	}
	p.fires(t, 3, "SessionGateDown")
	p.fires(t, 1, "SessionGateAbsent")
}

// revokeInEveryWay revokes by every path, and cuts a stream.
func (f *fleet) revokeInEveryWay(t *testing.T) {
	t.Helper()
	begun, _ := running.Serve(f.a.Upstream)
	leaves := f.token()
	for _, g := range []*harness.Gate{f.a, f.b} {
		cut := running.Start(t, http.DefaultClient, g.URL("/events"), "leaves", leaves, begun)
		running.Start(t, http.DefaultClient, g.URL("/events"), "stays", f.token(), begun)
		defer func() { cut.IsCut(t, time.Now()) }()
	}
	harness.End(t, f.a, leaves)
	for what, got := range map[string]harness.Answer{
		"all sessions": f.b.Send(t, "DELETE", sessions, harness.Bearer(f.token("sub", "bob"))),
		"a token":      f.a.Admin(t, "POST", "/session_gate/revocations", harness.JSON(fmt.Sprintf(`{"token": "leaked", "issuer": %q}`, tokentest.Issuer))),
		"an issuer": f.a.Admin(t, "POST", "/session_gate/revocations",
			harness.JSON(fmt.Sprintf(`{"issuer_before": true, "issuer": %q}`, f.awayURL))),
		"by the issuer": f.logOut(t, tokentest.Audience),
	} {
		if got.Status != http.StatusOK {
			t.Errorf("revoking %s was answered %d %s", what, got.Status, got.Body)
		}
	}
	if got := f.logOut(t, "another audience"); got.Status != http.StatusBadRequest {
		t.Errorf("a logout token for another audience was answered %d", got.Status)
	}
	issuing.Login(t, f.a)
	f.withhold.Store(true)
	if got := issuing.Ask(t, f.a, url.Values{"grant_type": {"password"}}); got.Status != http.StatusBadGateway {
		t.Errorf("an answer that cannot be checked was answered %d", got.Status)
	}
}

// logOut sends a logout token as an issuer does.
func (f *fleet) logOut(t *testing.T, audience string) harness.Answer {
	t.Helper()
	claims := tokentest.Claims(time.Now(), harness.Session("of a logout token", "aud", audience, "jti", fmt.Sprint(f.number.Add(1)),
		"events", map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}))
	token := tokentest.Mint(t, f.a.Key, claims)
	return f.a.Send(t, "POST", logout, harness.Body("application/x-www-form-urlencoded", "logout_token="+token))
}

// idles waits until Prometheus has scraped each gate a few times more. A picture needs more to
// show.
func (p *prometheus) idles(t *testing.T) {
	t.Helper()
	scrapes := 3
	if *picture != "" {
		scrapes = int(30 * time.Second / scrapeEvery)
	}
	since := time.Now()
	harness.Eventually(t, 2*seeLimit, "further scrapes", func() bool {
		expression := fmt.Sprintf("count_over_time(up[%dms]) >= %d", time.Since(since).Milliseconds()+1, scrapes)
		return len(p.now(t, expression)) == 3
	})
}

// checkExpressions fails the test for each expression of the rules and of the board that shows
// nothing of what has happened.
func (p *prometheus) checkExpressions(t *testing.T, b board) {
	t.Helper()
	expressions := make(map[string]string)
	rules := p.rules(t)
	for _, r := range rules {
		if r.Type == "recording" {
			expressions[r.Query] = "the recording rule " + r.Name
			continue
		}
		for _, operand := range operands(r.Query) {
			expressions[operand] = "the alert " + r.Name
		}
	}
	for _, panel := range b.Panels {
		for _, target := range panel.Targets {
			expressions[target.Expr] = "the panel " + panel.Title
		}
	}
	if len(rules) < 20 || len(expressions) < 60 {
		t.Errorf("found %d rules and %d expressions", len(rules), len(expressions))
	}
	for _, expression := range slices.Sorted(maps.Keys(expressions)) {
		if len(p.history(t, expression, time.Second)) == 0 {
			t.Errorf("%s shows nothing: %s", expressions[expression], expression)
		}
		// Of several values, one that no gate has would not be missed above.
		for _, matcher := range matchers.FindAllStringSubmatch(expression, -1) {
			for value := range strings.SplitSeq(matcher[2], "|") {
				if !slices.Contains(p.values(t, matcher[1]), value) {
					t.Errorf("%s asks for the %s %q, which no gate has", expressions[expression], matcher[1], value)
				}
			}
		}
	}
}
