package tokenendpoint

import (
	"cmp"
	"maps"
	"net/http"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/oauth"
	"github.com/sessiongate/sessiongate/caddymodule/sessionapi"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/tokenendpoint/granttest"
)

const (
	tokenPath    = granttest.Path
	formMedia    = granttest.FormMedia
	sessionPath  = "/v1/auth/session"
	sessionsPath = "/v1/auth/sessions"
	invalidated  = `{"message":"Session invalidated successfully."}`
	allEnded     = `{"message":"Sessions invalidated successfully."}`
)

var hand = granttest.Hand

// grantTest is a gate in front of a token endpoint. Callers can end their sessions at it.
type grantTest struct {
	*callertest.Gate
	*granttest.Upstream
	endpoint *Endpoint
}

// newGrantTest returns a gate in front of a token endpoint. The options may have Origins, Names and
// a Logger. The changes are made to the options of the issuer.
func newGrantTest(tb testing.TB, o Options, changes ...func(*token.IssuerOptions)) *grantTest {
	tb.Helper()
	g := &grantTest{Gate: callertest.New(tb, "HS256", changes...)}
	api := sessionapi.New(sessionapi.Options{Caller: g.Reader, Hub: g.Hub, Logger: g.Logger, Refuse: callertest.Refuse})
	terminal := func(serve func(http.ResponseWriter, *http.Request) (bool, error)) callertest.Route {
		return func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) (bool, error) { return serve(w, r) }
	}
	g.Routes[sessionPath], g.Routes[sessionsPath] = terminal(api.Session), terminal(api.Sessions)
	g.serve(o, g.Gate.Hub)
	g.Upstream = granttest.New(tb, g.ServeHTTP)
	return g
}

// serve replaces the endpoint by one with other options and another hub.
func (g *grantTest) serve(o Options, h *hub.Hub) {
	if o.Names == nil {
		o.Names = map[string]oauth.Names{tokenPath: {}}
	}
	o.Verifier, o.Hub, o.Logger, o.Refuse = g.Verifier, h, cmp.Or(o.Logger, g.Logger), callertest.Refuse
	o.Leeway, o.Retention = callertest.Leeway, callertest.Retention
	g.endpoint = New(o)
	g.Routes[tokenPath] = func(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) (bool, error) {
		return true, g.endpoint.Serve(w, r, func(w http.ResponseWriter, r *http.Request) error {
			next(w, r)
			return nil
		})
	}
}

// end sends a DELETE of the session of a token.
func (g *grantTest) end(tb testing.TB, token string) callertest.Answer {
	tb.Helper()
	return g.Serve(tb, callertest.Request(http.MethodDelete, sessionPath, token, ""))
}

// access mints an access token with changed claims. It names no session unless the changes
// do.
func (g *grantTest) access(tb testing.TB, tokenID string, changes map[string]any) string {
	tb.Helper()
	claims := map[string]any{"sid": nil, "jti": tokenID}
	maps.Copy(claims, changes)
	return g.Mint(tb, claims)
}
