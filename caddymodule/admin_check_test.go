package caddymodule

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// explains has a token explained.
func (g *gateTest) explains(tb testing.TB, raw string) (e explained, said string) {
	tb.Helper()
	status, said := g.order(tb, http.MethodPost, adminCheck, `{"token":"`+raw+`"}`, &e)
	if status != http.StatusOK {
		tb.Fatalf("answered %d %s", status, said)
	}
	if strings.Contains(said, raw) || strings.Contains(said, raw[strings.LastIndex(raw, ".")+1:]) {
		tb.Errorf("the answer holds the token: %s", said)
	}
	return e, said
}

// Invariant 1: what is explained is what a request would be answered.
func TestWhatIsExplainedIsWhatIsAnswered(t *testing.T) {
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
		"unknown issuer":  {g.mint(t, map[string]any{"iss": "https://evil"}), "invalid", "issuer", `iss is not trusted (iss "https://evil")`},
		"alg none":        {tokentest.Mint(t, g.key, tokentest.Claims(now, nil), map[string]any{"alg": "none"}), "invalid", "algorithm", `"none"`},
		"other audience":  {g.mint(t, map[string]any{"aud": "other"}), "invalid", "audience", "aud does not name this gate"},
		"too long a life": {g.mint(t, map[string]any{"exp": now.Add(48 * time.Hour).Unix()}), "invalid", "lifetime", "longest lifetime"},
		"revoked":         {revoked, "revoked", "revocation", "its session is revoked, key "},
		"of the subject":  {g.mint(t, map[string]any{"sub": "bob", "iat": now.Unix() - 5}), "revoked", "revocation", "of its subject"},
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
			if known := c.step == "" || c.step == "time" || c.step == "revocation"; known != (e.Claims != nil) {
				t.Errorf("claims of %s", said)
			}
		})
	}
}

// A gate that cannot prove that its set is fresh admits nothing, and says so.
func TestAFencedGateExplainsThatItIs(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	raw := g.mint(t, nil)
	g.app.hub = hub.New(hub.Options{})
	e, _ := g.explains(t, raw)
	last := e.Steps[len(e.Steps)-1]
	if e.Admitted || e.Status != http.StatusServiceUnavailable || e.Reason != "unavailable" || last.Step != "freshness" || last.Passed ||
		!strings.Contains(last.Detail, "refuses every guarded request") {
		t.Errorf("explained as %+v", e)
	}
}

// Fault: whoever is on call is told that an error says why, and not the error.
func TestTheErrorOfTheStoreIsExplained(t *testing.T) {
	path := filepath.Join(t.TempDir(), "revocations.db")
	if err := os.WriteFile(path, []byte("gone fishing"), 0o600); err != nil {
		t.Fatal(err)
	}
	app := mustStart(t, boltApp(path))
	defer app.Cleanup()
	if detail := app.freshness(); !strings.Contains(detail, path) || !strings.Contains(detail, "session-gate repair") {
		t.Errorf("explained as %q, want the file and what to do", detail)
	}
}

func TestCheckNeedsAToken(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	for _, body := range []string{`{}`, `{"token":""}`, `{"token":7}`, `{"tokens":"x"}`} {
		if status, said := g.order(t, http.MethodPost, adminCheck, body, nil); status != http.StatusBadRequest {
			t.Errorf("%s is answered %d %s", body, status, said)
		}
	}
}
