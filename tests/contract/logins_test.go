package contract

import (
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// admitting is an issuer whose users may log in again in a revoked session.
var admitting = harness.IssuerWith("reauthentication admit")

// Attack: the issuer ends a session, because its user has logged out there or was locked.
// Somebody with a stolen token gets another one of that session, with a later `auth_time`.
// What the issuer ends is over for good, also if a DELETE has ended it up to an instant
// before, and tries to do so again.
func TestALogoutOfTheIssuerIsForGood(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		t.Parallel()
		g := harness.Start(t, harness.Config{Store: store, Gate: withLogout, Issuers: admitting})
		now := time.Now().Unix()
		// of returns a token of a login so many seconds from now, of a user of the same name as
		// the session. The leeway allows 30 ahead.
		of := func(session string, login int64) string {
			return g.Token(harness.Session(session, "sub", session, "auth_time", now+login, "iat", now+max(login, 0)))
		}
		first, later, latest := of("laptop", -60), of("laptop", 15), of("laptop", 25)
		harness.See(t, g, first)
		answers.Invalidated.Check(t, harness.End(t, g, first))
		answers.BadToken.Check(t, harness.Get(t, g, first))
		harness.See(t, g, later, latest)

		checkLoggedOut(t, logOut(t, g, logoutToken(t, g.Key, "1", map[string]any{"sid": "laptop"})))
		for range 2 {
			for _, ended := range []string{first, later, latest} {
				answers.BadToken.Check(t, harness.Get(t, g, ended))
				answers.NoSession.Check(t, harness.End(t, g, ended))
			}
		}
		// The same for a session that no DELETE has ended.
		checkLoggedOut(t, logOut(t, g, logoutToken(t, g.Key, "2", map[string]any{"sid": "phone"})))
		answers.BadToken.Check(t, harness.Get(t, g, of("phone", 25)))
		g.Restart()
		harness.Recovers(t, g, of("tablet", 25))
		answers.BadToken.Check(t, harness.Get(t, g, latest))
		answers.BadToken.Check(t, harness.Get(t, g, of("phone", 26)))
	})
}

// Logout tokens of Hydra, authentik, LemonLDAP and Glewlwyd have no `exp`, and some issuers name
// a charset. The session is that of `sid`, by whatever claim access tokens name it.
func TestALogoutTokenAsIssuersSendIt(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{
		Gate:    withLogout,
		Issuers: harness.IssuerWith("session_claim session_state"),
	})
	of := func(session string) string {
		return g.Token(map[string]any{"sid": nil, "session_state": session, "jti": "of " + session})
	}
	for i, media := range []string{
		"application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=UTF-8",
		"application/x-www-form-urlencoded;charset=ISO-8859-1", `Application/X-WWW-Form-URLEncoded; charset="windows-1252"`,
	} {
		laptop, phone := of("laptop"+media), of("phone")
		harness.See(t, g, laptop, phone)
		raw := logoutToken(t, g.Key, media, map[string]any{"sid": "laptop" + media, "exp": nil, "iat": time.Now().Unix() - int64(i)*30})
		checkLoggedOut(t, g.Send(t, "POST", logoutEndpoint, harness.Body(media, "logout_token="+raw)))
		answers.BadToken.Check(t, harness.Get(t, g, laptop))
		harness.CheckAdmitted(t, harness.Get(t, g, phone))
	}
}
