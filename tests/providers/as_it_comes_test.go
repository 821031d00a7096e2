package providers

import (
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// The provider as it comes: its access tokens name no session. Whichever way the gate learns
// the keys, it admits them. Attack: after DELETE, use another token of the same login. So all
// tokens of the user end, and the user gets on with the next one.
func TestTheProviderAsItComes(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]func(p *provider) string{
		"discover": func(*provider) string { return "discover" },
		"jwks":     func(p *provider) string { return "jwks " + p.url + "/jwks" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startProvider(t)
			g := harness.Start(t, harness.Config{Issuers: p.block(source(p))})
			login := p.browser(t, "alice").logIn(t)
			if typ, sid, at := login.typ(t), login.claim(t, "sid"), login.claim(t, "auth_time"); typ != "at+jwt" || sid != nil || at != nil {
				t.Errorf("the access token is a %q with sid %v and auth_time %v, want an at+jwt without them", typ, sid, at)
			}
			harness.Recovers(t, g, login.Access)
			refreshed := p.refresh(t, login)
			harness.CheckAdmitted(t, harness.Get(t, g, refreshed.Access))
			// An ID token is for the client, not for the application.
			answers.BadToken.Check(t, harness.Get(t, g, login.ID))

			// What DELETE ends is everything of the user: the tokens name no login.
			operating.Check(t, g, 0, []string{"DELETE ends  subject: everything that was issued to its subject"}, "check", login.Access)
			ends(t, g, login, "subject")
			refused(t, g, login, refreshed)
			harness.CheckAdmitted(t, harness.Get(t, g, p.refresh(t, refreshed).Access))
		})
	}
}
