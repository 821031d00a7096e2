package caddymodule

import (
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/logout"
	"github.com/sessiongate/sessiongate/caddymodule/paths"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/sessionapi"
)

// route is a configured path whose requests do not simply go upstream.
type route struct {
	*paths.Path
	// field is the name of the option in the configuration.
	field string
	// guards reports whether other spellings of the path must not go upstream.
	guards paths.Guards
	// methods are the methods that the gate serves at the path, besides DELETE, which it
	// serves at every route. Other letter cases of these methods do not go upstream.
	methods []string
	// grants reports whether the upstream issues tokens at the path.
	grants bool
	// hides reports whether the path holds a session id, which no line of the log shows.
	hides bool
	// serve answers a request to the path. It returns false if the request is guarded like
	// any other request.
	serve func(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) (served bool, err error)
}

// prepareRoutes lists the configured paths. It refuses two paths that could be confused.
func (g *Gate) prepareRoutes() error {
	g.routes = nil
	if err := g.addSessions(); err != nil {
		return err
	}
	if g.BackchannelLogout != "" {
		g.warnOfLogoutAudience()
		receiver := logout.New(logout.Options{
			Verifier: g.app.verifier, Hub: g.app.hub, Logger: g.logger, Refuse: g.refuseOwn, Answered: g.answered, Counters: &counts.Logouts,
		})
		if err := g.addRoute("backchannel_logout", g.BackchannelLogout, paths.Options{}, route{
			guards: isPost, methods: []string{http.MethodDelete, http.MethodPost}, serve: terminal(receiver.Serve),
		}); err != nil {
			return err
		}
	}
	return g.addTokenEndpoints()
}

// addSessions adds the paths of the session API.
func (g *Gate) addSessions() error {
	o := sessionapi.Options{
		Caller: g.caller, Origins: g.origins, Hub: g.app.hub, AdminScope: g.AdminScope, Logger: g.logger, Refuse: g.refuseOwn,
		Answered: g.answered, Expire: g.expireCookie,
	}
	if g.SessionsEndpoint != "" {
		var err error
		if o.Children, err = paths.New(g.SessionsEndpoint, paths.Options{Children: true}); err != nil {
			return fmt.Errorf("checking session_gate: sessions_endpoint %w", err)
		}
	}
	api := sessionapi.New(o)
	if g.SessionsEndpoint != "" {
		methods := []string{http.MethodDelete, http.MethodGet, http.MethodHead}
		// Session ids may hold any text. Some servers read `a;b` as a segment with a
		// parameter. One segment below the path is always a session id.
		one := route{guards: isDelete, methods: methods, hides: true, serve: terminal(api.OneSession)}
		if err := g.addRoute("sessions_endpoint", g.SessionsEndpoint, paths.Options{Children: true}, one); err != nil {
			return err
		}
		all := route{guards: isDelete, methods: methods, serve: terminal(api.Sessions)}
		if err := g.addRoute("sessions_endpoint", g.SessionsEndpoint, paths.Options{}, all); err != nil {
			return err
		}
	}
	return g.addRoute("endpoint", g.Endpoint, paths.Options{}, route{
		guards: isDelete, methods: []string{http.MethodDelete}, serve: terminal(api.Session),
	})
}

func (g *Gate) addRoute(field, text string, o paths.Options, added route) (err error) {
	if added.Path, err = paths.New(text, o); err != nil {
		return fmt.Errorf("checking session_gate: %s %w", field, err)
	}
	added.field = field
	for _, before := range g.routes {
		if before.Overlaps(added.Path) {
			return fmt.Errorf("checking session_gate: %s %q and %s %q can be confused by some servers; "+
				"choose another path for one of them", before.field, before, field, added)
		}
	}
	g.routes = append(g.routes, added)
	return nil
}

// terminal adapts a handler that does not need the upstream.
func terminal(serve func(http.ResponseWriter, *http.Request) (bool, error)) func(http.ResponseWriter, *http.Request, caddyhttp.Handler) (bool, error) {
	return func(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) (bool, error) { return serve(w, r) }
}

// serveRoutes answers a request to one of the routes. It refuses a request that some server
// could read as a request to a route. It reports whether it did either.
func (g *Gate) serveRoutes(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) (served bool, err error) {
	original := originalOf(r)
	for i := range g.routes {
		switch route := &g.routes[i]; route.Match(r, original, route.guards) {
		case paths.Exact:
			if reply.IsMiscased(r.Method, route.methods) {
				return true, g.refuse(w, r, denyMethodCase)
			}
			return g.serveRoute(route, w, r, next)
		case paths.Ambiguous:
			return true, g.refuse(w, r, denyAmbiguous)
		case paths.Other:
			// Attack: GET /oauth/token.json over HTTP/3, with a grant in a body of unknown
			// length. Requests for a page need no body.
			if route.grants && reply.MayHaveBody(r) && route.Resembles(r, original) {
				reply.DropBody(r)
			}
		}
	}
	return false, nil
}

// expireCookie makes the browser forget the cookie of the token. Its paths are above the path
// that the client asked for.
func (g *Gate) expireCookie(w http.ResponseWriter, r *http.Request) {
	asked := r.URL
	if original := originalOf(r); original.URL != nil {
		asked = original.URL
	}
	g.extractor.ExpireCookie(w.Header(), asked.EscapedPath(), r.TLS != nil)
}

// originalOf returns the request as it was before any handler rewrote it.
func originalOf(r *http.Request) paths.Original {
	before, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	if !ok || before.URL == nil {
		return paths.Original{}
	}
	return paths.Original{Method: before.Method, URL: before.URL}
}
