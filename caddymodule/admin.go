package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

func init() {
	caddy.RegisterModule(adminAPI{})
}

const (
	adminHealth      = "/session_gate/health"
	adminBootstrap   = "/session_gate/bootstrap"
	adminLease       = "/session_gate/lease"
	adminFloor       = "/session_gate/floor"
	adminSessions    = "/session_gate/sessions"
	adminRevocations = "/session_gate/revocations"
	adminCheck       = "/session_gate/check"
)

// adminAPI is what operators ask of a running gate, below /session_gate/ in
// Caddy's admin API:
//
//   - `GET /session_gate/health` answers 200 with the state of the gate, whatever
//     the state is.
//   - `POST /session_gate/bootstrap` lets a shared log in repair be opened
//     although no gate can vouch for what it held. It answers 200 when the word
//     was taken, and 409 with what is the case when there is nothing to open.
//   - `POST /session_gate/lease` with `{"lease": "5s"}` changes the lease of the fleet.
//   - `DELETE /session_gate/floor` lets tokens pass again that are refused only because
//     they were issued before the store lost revocations.
//   - `GET /session_gate/sessions?issuer=&subject=` lists the sessions of a subject,
//     those seen last first; `limit` and `after` page through it. `POST` takes the
//     same as JSON, so that Caddy's log does not show the subject.
//   - `GET /session_gate/revocations` counts and lists the revocations that this gate
//     holds, by hash; `limit` and `after` page through it.
//   - `POST /session_gate/revocations` revokes, and answers 200 with a receipt once
//     the revocation holds everywhere, or 503.
//   - `POST /session_gate/check` with `{"token": "…"}` tells what the gate makes of a
//     token, and why.
//   - `POST /session_gate/copy` is for the command `copy` of the same version.
//
// All answer 404 while no configuration with the app runs. Errors are Caddy's
// `{"error": "…"}`, which Caddy logs: they hold no token, session or subject. Who
// reaches the admin API can replace the configuration, so that these endpoints ask
// for nothing more than what keeps browsers out: a body is JSON and says so.
type adminAPI struct {
	running func() (*App, error)
}

// CaddyModule returns the Caddy module information.
func (adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.session_gate",
		New: func() caddy.Module { return &adminAPI{runningApp} },
	}
}

// Routes implements caddy.AdminRouter.
func (a *adminAPI) Routes() []caddy.AdminRoute {
	var routes []caddy.AdminRoute
	for pattern, methods := range map[string]methods{
		adminHealth:      {http.MethodGet: func(app *App, _ *http.Request) (any, error) { return app.state(), nil }},
		adminBootstrap:   {http.MethodPost: takeBootstrap},
		adminLease:       {http.MethodPost: takeLease},
		adminFloor:       {http.MethodDelete: lowerFloor},
		adminSessions:    {http.MethodGet: listSessions, http.MethodPost: listSessions},
		adminRevocations: {http.MethodGet: listRevocations, http.MethodPost: takeRevocation},
		adminCheck:       {http.MethodPost: explainToken},
		adminCopy:        {http.MethodPost: takeCopy},
	} {
		routes = append(routes, caddy.AdminRoute{Pattern: pattern, Handler: a.endpoint(methods)})
	}
	return routes
}

// methods are what an endpoint does, by the method of the request.
type methods map[string]func(*App, *http.Request) (any, error)

// runningApp returns the app of the configuration that runs now.
//
// Caddy makes its admin API before the apps, and keeps it while configurations
// come and go: an app that was found once, or loaded from here, would be another
// than the one that decides about requests. All apps of the active context are
// loaded, so that asking it for one loads none.
func runningApp() (*App, error) {
	app, err := caddy.ActiveContext().AppIfConfigured("session_gate")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil, caddy.APIError{
			HTTPStatus: http.StatusNotFound,
			Err:        errors.New("finding the app: no configuration with session_gate is running"),
		}
	}
	if err != nil {
		return nil, fmt.Errorf("finding the app: %w", err)
	}
	return app.(*App), nil
}

// endpoint answers a request with what the operation of its method makes of the
// running app.
func (a *adminAPI) endpoint(methods methods) caddy.AdminHandlerFunc {
	allowed := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
	return func(w http.ResponseWriter, r *http.Request) error {
		operation, known := methods[r.Method]
		if !known {
			w.Header().Set("Allow", allowed)
			return caddy.APIError{
				HTTPStatus: http.StatusMethodNotAllowed,
				Err:        fmt.Errorf("answering %s %s: the method is %s", r.Method, r.URL.Path, allowed),
			}
		}
		// Also of an error: it may tell what was asked.
		w.Header().Set("Cache-Control", "no-store")
		app, err := a.running()
		if err != nil {
			return err
		}
		answer, err := operation(app, r)
		if err != nil {
			return err
		}
		if err := reply.JSON(w, http.StatusOK, answer); err != nil {
			return fmt.Errorf("answering %s: %w", r.URL.Path, err)
		}
		_, _ = io.WriteString(w, "\n") // for terminals
		return nil
	}
}

var _ caddy.AdminRouter = (*adminAPI)(nil)
