package sessionapi

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
	"github.com/sessiongate/sessiongate/caddymodule/paths"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

const (
	sessionPath   = "/v1/auth/session"
	sessionsPath  = "/v1/auth/sessions"
	invalidated   = `{"message":"Session invalidated successfully."}`
	allEnded      = `{"message":"Sessions invalidated successfully."}`
	exceptCurrent = "?except=current"
)

// apiTest is a gate that serves the sessions of its callers.
type apiTest struct {
	*callertest.Gate
	API *API
}

// newAPI returns a gate with the session API. The options may have AdminScope and Origins.
func newAPI(tb testing.TB, algorithm string, o Options, changes ...func(*token.IssuerOptions)) *apiTest {
	tb.Helper()
	g := &apiTest{Gate: callertest.New(tb, algorithm, changes...)}
	o.Caller, o.Hub, o.Logger, o.Refuse = g.Reader, g.Hub, g.Logger, callertest.Refuse
	var err error
	if o.Children, err = paths.New(sessionsPath, paths.Options{Children: true}); err != nil {
		tb.Fatal(err)
	}
	api := New(o)
	g.API = api
	terminal := func(serve func(http.ResponseWriter, *http.Request) (bool, error)) callertest.Route {
		return func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) (bool, error) { return serve(w, r) }
	}
	g.Routes[sessionPath], g.Routes[sessionsPath], g.Below[sessionsPath] = terminal(api.Session), terminal(api.Sessions), terminal(api.OneSession)
	return g
}

// inAPI runs a test with a gate that serves the session API, in fake time.
func inAPI(t *testing.T, o Options, test func(t *testing.T, g *apiTest), changes ...func(*token.IssuerOptions)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newAPI(t, "HS256", o, changes...)) })
}

// fromApp returns the origins of tests: pages of https://app.example.com may call, with
// cookies.
func fromApp(tb testing.TB) caller.Origins {
	tb.Helper()
	origins, err := caller.NewOrigins([]string{"https://app.example.com"}, true)
	if err != nil {
		tb.Fatal(err)
	}
	return origins
}

// end sends a DELETE of a session; an empty body is left out.
func (g *apiTest) end(tb testing.TB, token, body string) callertest.Answer {
	tb.Helper()
	return g.Serve(tb, callertest.Request(http.MethodDelete, sessionPath, token, body))
}

func (g *apiTest) delete(tb testing.TB, target, token string) callertest.Answer {
	tb.Helper()
	return g.Serve(tb, callertest.Request(http.MethodDelete, target, token, ""))
}
