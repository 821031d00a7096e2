package shapes

import (
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// An issuer's clock is 20 s ahead, or 20 s behind. Attack: steal a token before the logout that
// says that it is from after it. Whatever the tokens name, all from before the answer are
// refused. If they name a session or a login, the next login is admitted at once. Otherwise it
// is admitted as soon as the issuer's clock says that it is after the logout.
func TestLogoutsAtIssuersWhoseClocksAreOff(t *testing.T) {
	t.Parallel()
	var off []tokentest.Shape
	for _, s := range tokentest.Shapes(t) {
		switch s.Name {
		case "Keycloak 26 (user)", "Okta custom AS", "Auth0 (default profile)":
			off = append(off, s)
		}
	}
	for name, ahead := range map[string]time.Duration{"ahead": 20 * time.Second, "behind": -20 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness.EachStore(t, func(t *testing.T, store string) {
				t.Parallel()
				g, keys := start(t, store, off)
				for _, s := range off {
					t.Run(s.Name, func(t *testing.T) {
						t.Parallel()
						endsWithClockOff(t, g, issuer{s, endings[s.Name], keys[s.Name]}, ahead)
					})
				}
			})
		})
	}
}

func endsWithClockOff(t *testing.T, g *harness.Gate, i issuer, ahead time.Duration) {
	clock := func() time.Time { return time.Now().Add(ahead) }
	laptop := i.logIn(t, clock())
	token := i.showNew(t, g, laptop, clock)
	stolen := i.token(t, laptop, clock(), nil)
	answer := harness.End(t, g, token)
	answers.Invalidated.Check(t, answer)
	answers.Fields(t, answer.Header, map[string]string{"Session-Gate-Ended": i.scope})
	for _, raw := range []string{token, stolen} {
		answers.BadToken.Check(t, harness.Get(t, g, raw))
	}
	// logsIn returns the answer to a token of a login some time after the logout.
	logsIn := func(after time.Duration) harness.Answer {
		at := clock().Add(after)
		return harness.Get(t, g, i.token(t, i.logIn(t, at), at, nil))
	}
	if i.scope == "subject" && ahead < 0 {
		answers.BadToken.Check(t, logsIn(0))
		harness.CheckAdmitted(t, logsIn(time.Second-ahead))
	} else {
		harness.CheckAdmitted(t, logsIn(time.Second))
	}
}

// showNew returns a token that the gate has admitted in the second in which it was issued, so
// that the gate knows the lead of the issuer's clock.
func (i issuer) showNew(t *testing.T, g *harness.Gate, of login, clock func() time.Time) (raw string) {
	t.Helper()
	harness.Eventually(t, 10*time.Second, "a token is admitted in its second", func() bool {
		issued := clock()
		raw = i.token(t, of, issued, nil)
		harness.CheckAdmitted(t, harness.Get(t, g, raw))
		return clock().Unix() == issued.Unix()
	})
	return raw
}
