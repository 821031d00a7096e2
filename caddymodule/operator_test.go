package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// revokes revokes through the admin API, also what no gate has seen, and fails the test unless
// the answer is a receipt.
func (g *gateTest) revokes(tb testing.TB, body string) {
	tb.Helper()
	body = strings.Replace(body, "{", `{"unseen":true,`, 1)
	if status, said := operatortest.Order(tb, g.app, http.MethodPost, operator.PathRevocations, body, nil); status != http.StatusOK {
		tb.Fatalf("%s is answered %d %s", body, status, said)
	}
}

// explains returns the explanation of a token.
func (g *gateTest) explains(tb testing.TB, raw string) (e operator.Explanation, said string) {
	tb.Helper()
	status, said := operatortest.Order(tb, g.app, http.MethodPost, operator.PathCheck, `{"token":"`+raw+`"}`, &e)
	if status != http.StatusOK {
		tb.Fatalf("answered %d %s", status, said)
	}
	if strings.Contains(said, raw) || strings.Contains(said, raw[strings.LastIndex(raw, ".")+1:]) {
		tb.Errorf("the answer holds the token: %s", said)
	}
	return e, said
}

// Invariant 1: the explanation is the decision about a request.
func TestTheExplanationIsTheDecision(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	other := &tokentest.Key{Algorithm: "HS256", Secret: []byte(strings.Repeat("x", 32))}
	now := time.Now()
	revoked := g.mint(t, map[string]any{"sid": "over"})
	g.revokes(t, `{"session":"over"}`)
	g.revokes(t, `{"subject":"bob"}`)
	for name, c := range map[string]struct {
		raw, reason, step, detail string
	}{
		"good":            {g.mint(t, nil), "", "", ""},
		"expired":         {g.mint(t, map[string]any{"iat": now.Unix() - 900, "exp": now.Unix() - 600}), "expired", "time", "expires 10m"},
		"forged":          {tokentest.Mint(t, other, tokentest.Claims(now, nil)), "invalid", "signature", `signature does not verify (alg "HS256", no kid)`},
		"unknown issuer":  {g.mint(t, map[string]any{"iss": "https://evil"}), "invalid", "issuer", `iss is not trusted (iss "https://evil", and the configured issuers are ["https://id.example.com"])`},
		"alg none":        {tokentest.Mint(t, g.key, tokentest.Claims(now, nil), map[string]any{"alg": "none"}), "invalid", "algorithm", `"none"`},
		"other audience":  {g.mint(t, map[string]any{"aud": "other"}), "invalid", "audience", "aud does not name this gate"},
		"too long a life": {g.mint(t, map[string]any{"exp": now.Add(48 * time.Hour).Unix()}), "invalid", "lifetime", "longest lifetime"},
		"revoked":         {revoked, "revoked", "revocation", "its session is revoked, key "},
		"of the subject":  {g.mint(t, map[string]any{"sub": "bob", "iat": now.Unix() - 5}), "revoked", "revocation", "tokens of its subject issued up to 20"},
		"not a token":     {"gone.fishing", "malformed", "form", "not three parts"},
	} {
		t.Run(name, func(t *testing.T) {
			e, said := g.explains(t, c.raw)
			got := g.get(t, "/", c.raw)
			if e.Admitted != (got.upstream != nil) || e.Status != got.Code {
				t.Errorf("explained as %d, answered %d", e.Status, got.Code)
			}
			if reason, _ := got.replacer.GetString(reasonKey); e.Reason != reason || reason != c.reason {
				t.Errorf("explained as %q, answered because of %q, want %q", e.Reason, reason, c.reason)
			}
			for _, step := range e.Steps {
				if step.Passed != (step.Step != c.step) || step.Detail == "" {
					t.Errorf("the step %s: passed %t, %q", step.Step, step.Passed, step.Detail)
				}
				if step.Step == c.step && !strings.Contains(step.Detail, c.detail) {
					t.Errorf("the step %s says %q, want %q", step.Step, step.Detail, c.detail)
				}
			}
			// The issuer has signed what passes these steps.
			signed := !slices.Contains([]string{"form", "algorithm", "issuer", "signature"}, c.step)
			if signed != (e.Claims != nil) || (e.Unverified != nil) != (!signed && c.step != "form") {
				t.Errorf("claims of %s", said)
			}
		})
	}
}

// Fault: the explanation tells the person on call to look at an error, and does not show
// it.
func TestTheErrorOfTheStoreIsExplained(t *testing.T) {
	path := filepath.Join(t.TempDir(), "revocations.db")
	if err := os.WriteFile(path, []byte("gone fishing"), 0o600); err != nil {
		t.Fatal(err)
	}
	app := mustStart(t, boltApp(path))
	defer app.Cleanup()
	g := &gateTest{app: app, key: &tokentest.Key{Algorithm: "HS256", Secret: []byte(app.Issuer[0].HMACSecret[0])}}
	e, _ := g.explains(t, g.mint(t, nil))
	if detail := e.Steps[len(e.Steps)-1].Detail; !strings.Contains(detail, path) || !strings.Contains(detail, "session-gate repair") {
		t.Errorf("explained as %q, want the file and what to do", detail)
	}
}

// load runs a configuration in this process, without an admin API and without a log.
func load(tb testing.TB, apps string) error {
	tb.Helper()
	config := fmt.Sprintf(`{"admin": {"disabled": true, "config": {"persist": false}},
		"logging": {"logs": {"default": {"writer": {"output": "discard"}}}}, "apps": {%s}}`, apps)
	return caddy.Load([]byte(config), true)
}

// The admin API must use the app that decides about requests. It must not use an app that
// it found earlier, or provisioned itself.
func TestTheAdminAPIFollowsTheConfiguration(t *testing.T) {
	module, err := caddy.GetModule("admin.api.session_gate")
	if err != nil {
		t.Fatal(err)
	}
	api := module.New().(caddy.AdminRouter)
	gone := func(when string) {
		t.Helper()
		if status, body, _ := operatortest.Ask(t, api.Routes(), operatortest.Request(http.MethodGet, operator.PathHealth, "")); status != http.StatusNotFound ||
			body != "finding the app: no configuration with session_gate is running" {
			t.Errorf("%s: answered %d %s", when, status, body)
		}
	}
	tells := func(when, bootstrap string) {
		t.Helper()
		var told operator.State
		status, body, _ := operatortest.Ask(t, api.Routes(), operatortest.Request(http.MethodGet, operator.PathHealth, ""))
		if err := json.Unmarshal([]byte(body), &told); err != nil || status != http.StatusOK || told.Bootstrap != bootstrap {
			t.Errorf("%s: answered %d %s, want the configuration with bootstrap %s", when, status, body, bootstrap)
		}
	}
	t.Cleanup(func() { _ = caddy.Stop() })
	gone("before any configuration")
	app := func(bootstrap string) string {
		return fmt.Sprintf(`"session_gate": {"store": {"store": "memory"}, "bootstrap": %q,
			"issuer": [{"issuer": "https://a", "audience": ["a"], "hmac_secret": [%q]}]}`, bootstrap, refusalSecret)
	}
	for _, step := range []struct{ when, apps, bootstrap string }{
		{"with a configuration", app("auto"), "auto"},
		{"with another configuration", app("manual"), "manual"},
		{"with a configuration that was refused", app("never"), "manual"},
		{"with a configuration without the app", "", ""},
	} {
		if err := load(t, step.apps); (err != nil) != strings.Contains(step.apps, "never") {
			t.Fatalf("loading %s: %v", step.when, err)
		}
		if step.bootstrap == "" {
			gone(step.when)
			continue
		}
		tells(step.when, step.bootstrap)
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	gone("after the stop")
}

// The state shows the gate's configuration to an operator.
func TestTheStateIsThatOfTheConfiguration(t *testing.T) {
	app := mustStart(t, boltApp(filepath.Join(t.TempDir(), "revocations.db")))
	defer app.Cleanup()
	state, settings := operator.StateOf(app), app.Settings()
	if state.Version != Version || state.Store != "bolt" || state.Namespace != "default" || state.Shared || state.Bootstrap != "auto" {
		t.Errorf("the state is %+v", state)
	}
	if settings.Store.File == "" || settings.Store.Place != "bolt "+settings.Store.File || settings.Lease != 3*time.Second ||
		settings.Leeway != 30*time.Second || settings.MaxTokenLifetime != 24*time.Hour || len(settings.Issuers) != 1 {
		t.Errorf("the settings are %+v", settings)
	}
}
