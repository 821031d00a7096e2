package contract

import (
	"net/http"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/issuing"
	"github.com/sessiongate/sessiongate/tests/operating"
	"github.com/sessiongate/sessiongate/tests/running"
)

// way ends a login by one of its access tokens, and fails the test if it cannot.
type way struct {
	// named reports whether it needs the id of the session, "laptop".
	named bool
	end   func(t *testing.T, g *harness.Gate, access string)
}

// operator returns a way that revokes by these flags. Gates do not note the sessions of tokens
// that name none.
func operator(flags ...string) func(*testing.T, *harness.Gate, string) {
	return func(t *testing.T, g *harness.Gate, _ string) {
		operating.Check(t, g, 0, []string{"Revoked: "}, append([]string{"revoke", "--unseen"}, flags...)...)
	}
}

// ways are all ways to end a login.
var ways = map[string]way{
	"its own logout": {false, func(t *testing.T, g *harness.Gate, access string) {
		answers.Invalidated.Check(t, harness.End(t, g, access))
	}},
	"another session of the user": {true, func(t *testing.T, g *harness.Gate, _ string) {
		phone := harness.Bearer(g.Token(harness.Session("phone")))
		answers.InvalidatedID("laptop").Check(t, g.Send(t, "DELETE", sessionsEndpoint+"/laptop", phone))
	}},
	"a logout everywhere": {false, func(t *testing.T, g *harness.Gate, access string) {
		allInvalidated.Check(t, endEverywhere(t, g, access, ""))
	}},
	"a logout of all others": {false, func(t *testing.T, g *harness.Gate, _ string) {
		phone := g.Token(harness.Session("phone"))
		allInvalidated.Check(t, endEverywhere(t, g, phone, "?except=current"))
		harness.CheckAdmitted(t, harness.Get(t, g, phone))
	}},
	"the operator, by session": {true, operator("--session", "laptop")},
	"the operator, by subject": {false, operator("--subject", "alice")},
	"the operator, by issuer":  {false, operator("--issuer-before")},
	"the operator, by a token": {false, func(t *testing.T, g *harness.Gate, access string) {
		if printed, code := operating.Feed(t, g, access, "revoke", "--token-file", "-"); code != 0 {
			t.Errorf("revoking a token exits with %d:\n%s", code, printed)
		}
	}},
	"the issuer, by session": {true, func(t *testing.T, g *harness.Gate, _ string) {
		checkLoggedOut(t, logOut(t, g, logoutToken(t, g.Key, "1", map[string]any{"sid": "laptop"})))
	}},
	"the issuer, by subject": {false, func(t *testing.T, g *harness.Gate, _ string) {
		checkLoggedOut(t, logOut(t, g, logoutToken(t, g.Key, "2", nil)))
	}},
}

// Whatever ends a login must end all of it. Its access tokens are refused at every gate
// from the answer on. Its running requests end within a second. Its refresh tokens do not
// reach the token endpoint.
func TestWhateverEndsALoginEndsAllOfIt(t *testing.T) {
	t.Parallel()
	for kind, claims := range map[string]map[string]any{"with a session id": harness.Session("laptop"), "without one": nil} {
		for name, way := range ways {
			if claims != nil || !way.named {
				t.Run(name+", "+kind, func(t *testing.T) {
					t.Parallel()
					endsAll(t, claims, way)
				})
			}
		}
	}
}

func endsAll(t *testing.T, claims map[string]any, way way) {
	config := harness.Config{
		Store: harness.Redis(redistest.Address(t)),
		Gate:  "token_endpoint " + issuing.Path + "\n" + withSessions + "\n" + withLogout,
	}
	a := harness.Start(t, config)
	config.Key, config.Upstream = a.Key, a.Upstream
	b := harness.Start(t, config)
	issuer := &issuing.Endpoint{Claims: claims}
	issuer.ServeAt(t, a)
	begun, told := running.Serve(a.Upstream)
	first := issuing.Login(t, a)
	second := issuing.Refresh(t, b, first.Refresh)
	harness.See(t, a, first.Access, second.Access)
	streams := []*running.Request{
		running.Start(t, http.DefaultClient, a.URL("/events"), "", first.Access, begun),
		running.Start(t, http.DefaultClient, b.URL("/silent"), "", second.Access, begun),
	}

	way.end(t, a, second.Access)
	since := time.Now()
	for _, s := range streams {
		s.IsCut(t, since)
		running.Receive(t, told)
	}
	for _, g := range []*harness.Gate{a, b} {
		for _, of := range []issuing.Tokens{first, second} {
			answers.BadToken.Check(t, harness.Get(t, g, of.Access))
			issuer.CheckRefused(t, g, of.Refresh)
		}
	}
	if claims == nil { // otherwise the upstream would continue the ended session
		harness.CheckAdmitted(t, harness.Get(t, b, issuing.Login(t, a).Access))
	}
}
