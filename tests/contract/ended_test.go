package contract

import (
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Attack: log out at one gate with one token of a login, and go on at another gate with a
// token of the same login that names the session otherwise, or not at all. The 200 says what
// ended, and no gate admits any token of it.
func TestTheAnswerSaysWhatEndedEverywhere(t *testing.T) {
	t.Parallel()
	store := harness.Redis(redistest.Address(t))
	a := harness.Start(t, harness.Config{Store: store})
	b := harness.Start(t, harness.Config{Store: store, Key: a.Key})
	gates := []*harness.Gate{a, b}
	login := time.Now().Add(-time.Minute).Unix()
	token := func(jti, subject string, more ...any) string {
		claims := map[string]any{"sid": nil, "jti": jti, "sub": subject}
		for i := 0; i < len(more); i += 2 {
			claims[more[i].(string)] = more[i+1]
		}
		return a.Token(claims)
	}
	for scope, c := range map[string]struct {
		by             string
		ended, goingOn []string
	}{
		"session": {
			by:      token("1", "ann", "sid", "anns", "auth_time", login),
			ended:   []string{token("2", "ann", "sid", "anns"), token("3", "ann", "auth_time", login)},
			goingOn: []string{token("4", "ann", "sid", "anns other"), token("5", "ann", "auth_time", login-1)},
		},
		"login": {
			by:      token("6", "bob", "auth_time", login),
			ended:   []string{token("7", "bob", "auth_time", login), token("8", "bob", "sid", "bobs", "auth_time", login)},
			goingOn: []string{token("9", "bob", "auth_time", login-1), token("10", "bob", "sid", "bobs other")},
		},
		"subject": {
			by:      token("11", "cleo"),
			ended:   []string{token("12", "cleo"), token("13", "cleo", "sid", "cleos", "auth_time", login)},
			goingOn: []string{token("14", "dan")},
		},
		"token": {
			by:      token("15", "job", "azp", "job"),
			goingOn: []string{token("16", "job", "azp", "job")},
		},
	} {
		t.Run(scope, func(t *testing.T) {
			for _, g := range gates {
				harness.See(t, g, append(append([]string{c.by}, c.ended...), c.goingOn...)...)
			}
			answer := harness.End(t, a, c.by)
			answers.Invalidated.Check(t, answer)
			if got := answer.Header.Get("Session-Gate-Ended"); got != scope {
				t.Errorf("Session-Gate-Ended is %q, want %q", got, scope)
			}
			for _, g := range gates {
				for _, ended := range append(c.ended, c.by) {
					answers.BadToken.Check(t, harness.Get(t, g, ended))
				}
				for _, goingOn := range c.goingOn {
					harness.CheckAdmitted(t, harness.Get(t, g, goingOn))
				}
			}
			answers.NoSession.Check(t, harness.End(t, b, c.by))
			if scope == "subject" {
				harness.CheckAdmitted(t, harness.Get(t, b, token("17", "cleo")))
			}
		})
	}
}
