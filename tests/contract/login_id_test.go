package contract

import (
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// The list shows a login by an id of the gate's own.
//
// Attack: obtain a token whose session claim is the id of the victim's login, from an issuer
// that lets clients choose session ids, and end the victim's login in any way: by a logout, by
// name, by path, or by the issuer. The other way round, the victim's logout ends no session of
// that name.
func TestASessionNamedLikeALoginTouchesNobody(t *testing.T) {
	t.Parallel()
	eachSessionsPair(t, withSessions+"\n"+withLogout, func(t *testing.T, a, b *harness.Gate) {
		list := func(g *harness.Gate, token string) []string {
			listed, _ := ids(t, g.Send(t, "GET", sessionsEndpoint, harness.Bearer(token)))
			return listed
		}
		// logIn returns a token of the victim that names a login alone, and the id of that.
		logIn := func(jti string, at time.Time) (token, id string) {
			token = a.Token(map[string]any{"sid": nil, "jti": jti, "auth_time": at.Unix()})
			harness.See(t, a, token)
			listed := list(a, token)
			if len(listed) != 1 {
				t.Fatalf("listed are %q, want the login", listed)
			}
			return token, listed[0]
		}
		logOutOf := func(g *harness.Gate, token string) {
			ended := harness.End(t, g, token)
			answers.Invalidated.Check(t, ended)
			answers.Fields(t, ended.Header, map[string]string{"Session-Gate-Ended": "login"})
			answers.BadToken.Check(t, harness.Get(t, a, token))
			answers.BadToken.Check(t, harness.Get(t, b, token))
		}
		laptop, id := logIn("laptop", time.Now().Add(-time.Hour))
		bobs := a.Token(harness.Session(id, "sub", "bob"))
		harness.See(t, b, bobs)
		logOutOf(a, laptop)
		harness.CheckAdmitted(t, harness.Get(t, a, bobs))
		harness.CheckAdmitted(t, harness.Get(t, b, bobs))

		phone, id := logIn("phone", time.Now().Add(-time.Minute))
		mallory := func(jti, sid string) string { return a.Token(harness.Session(sid, "jti", jti, "sub", "mallory")) }
		lookalike, other := mallory("1", id), mallory("2", "other")
		for _, g := range []*harness.Gate{b, a} {
			harness.See(t, g, lookalike, other)
			answers.NoSession.Check(t, harness.End(t, g, other, `{"session_id":"`+id+`"}`))
			answers.NoSession.Check(t, g.Send(t, "DELETE", sessionsEndpoint+"/"+id, harness.Bearer(other)))
		}
		answers.InvalidatedID(id).Check(t, harness.End(t, b, lookalike, `{"session_id":"`+id+`"}`))
		answers.BadToken.Check(t, harness.Get(t, a, mallory("3", id)))
		checkLoggedOut(t, logOut(t, a, logoutToken(t, a.Key, "1", map[string]any{"sid": id, "sub": "mallory"})))
		for _, token := range []string{phone, other} {
			harness.CheckAdmitted(t, harness.Get(t, a, token))
			harness.CheckAdmitted(t, harness.Get(t, b, token))
		}
		logOutOf(b, phone)
	})
}
