package shapes

import (
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// Fault: an operator takes a logout for the end of a session, and the issuer's tokens name
// none (Auth0). `check` says before what a DELETE will end, and the log warns of such an issuer.
// The logout then ends just that, and a token that the issuer refreshes later is admitted.
func TestCheckSaysBeforeWhatALogoutEnds(t *testing.T) {
	t.Parallel()
	says := map[string]string{
		"Auth0 (default profile)": "DELETE ends  subject: everything that was issued to its subject up to then, on all devices",
		"Okta custom AS":          "DELETE ends  login: every token of its login: of this subject with this auth_time",
		"Keycloak 26 (user)":      "DELETE ends  session: every token of the session that its session claim names, and of its login (auth_time)",
		"Clerk v2 session token":  "it has no usable auth_time, so tokens of the same login that do not name the session go on",
	}
	var checked []tokentest.Shape
	for _, s := range tokentest.Shapes(t) {
		if says[s.Name] != "" {
			checked = append(checked, s)
		}
	}
	if len(checked) != len(says) {
		t.Fatalf("%d shapes, want %d", len(checked), len(says))
	}
	g, keys := start(t, "store bolt", checked)
	for _, s := range checked {
		i, begin := issuer{s, endings[s.Name], keys[s.Name]}, time.Now().Add(-time.Second)
		login := i.logIn(t, begin)
		raw := i.token(t, login, begin, nil)
		operating.Check(t, g, 0, []string{"A request with this token is admitted.", says[s.Name]}, "check", raw)
		answers.Invalidated.Check(t, harness.End(t, g, raw))
		operating.Check(t, g, 1, []string{"revoked"}, "check", raw)
		if refreshed := i.token(t, login, time.Now(), nil); i.scope == "subject" {
			harness.CheckAdmitted(t, harness.Get(t, g, refreshed))
		} else {
			answers.BadToken.Check(t, harness.Get(t, g, refreshed))
		}
		const warning = "a token of the issuer names no session and no login"
		warned := false
		for line := range strings.Lines(g.Logs()) {
			warned = warned || strings.Contains(line, warning) && strings.Contains(line, `"`+s.Issuer+`"`)
		}
		if warned != (i.scope == "subject") {
			t.Errorf("%s: warned that it names no session %t", s.Name, warned)
		}
	}
}
