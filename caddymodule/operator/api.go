package operator

import (
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
	caddy.RegisterModule(API{})
}

// The paths of the admin API.
const (
	PathHealth      = "/session_gate/health"
	PathBootstrap   = "/session_gate/bootstrap"
	PathLease       = "/session_gate/lease"
	PathFloor       = "/session_gate/floor"
	PathSessions    = "/session_gate/sessions"
	PathRevocations = "/session_gate/revocations"
	PathCheck       = "/session_gate/check"
	PathCopy        = "/session_gate/copy"
)

// MaxPage bounds an answer, and the body of a call that copies, in bytes: a page of a
// thousand sessions with the longest ids, written in escapes, or a page of a copy.
const MaxPage = 4 << 20

// API is the part of Caddy's admin API below /session_gate/, for operators:
//
//   - `GET /session_gate/health` answers 200 with the state of the gate, whatever the
//     state is.
//   - `POST /session_gate/bootstrap` opens a shared revocation log in repair, although no
//     gate can confirm what it held. It answers 409 if there is nothing to open.
//   - `POST /session_gate/lease` with `{"lease": "5s"}` changes the lease of the fleet.
//   - `DELETE /session_gate/floor` accepts tokens again that are refused only because they
//     were issued before the store lost revocations.
//   - `GET /session_gate/sessions?issuer=&subject=` lists the sessions of a subject, those
//     seen last first; `limit` and `after` page through it. `POST` takes the same as JSON,
//     so that Caddy's log does not show the subject.
//   - `GET /session_gate/revocations` counts the revocations that this gate holds, by
//     kind.
//   - `POST /session_gate/revocations` revokes. It answers 200 with a receipt once the
//     revocation holds everywhere, 409 if no gate has seen the session or the subject and
//     the body has no `"unseen": true`, or 503.
//   - `POST /session_gate/check` with `{"token": "…"}` explains how the gate decides about
//     a token, and where the revocations of it come from.
//   - `POST /session_gate/copy` is for the command `copy` of the same version.
//
// All answer 404 while no configuration with the app runs. Errors are Caddy's `{"error":
// "…"}`. Caddy logs them, so they hold no token, session or subject. Clients of the admin
// API can replace the configuration anyway. So the endpoints require no further permission.
// A body must be JSON with that media type, which keeps browsers out.
type API struct{}

// CaddyModule returns the Caddy module information.
func (API) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.session_gate",
		New: func() caddy.Module { return new(API) },
	}
}

// Routes implements caddy.AdminRouter.
func (*API) Routes() []caddy.AdminRoute { return Routes(running) }

// Routes returns the admin API of the app that running returns. running is called for
// each request.
func Routes(running func() (App, error)) []caddy.AdminRoute {
	var routes []caddy.AdminRoute
	for pattern, methods := range map[string]methods{
		PathHealth:      {http.MethodGet: func(g gate, _ *http.Request) (any, error) { return g.state(), nil }},
		PathBootstrap:   {http.MethodPost: bootstrap},
		PathLease:       {http.MethodPost: changeLease},
		PathFloor:       {http.MethodDelete: lowerFloor},
		PathSessions:    {http.MethodGet: listSessions, http.MethodPost: listSessions},
		PathRevocations: {http.MethodGet: countRevocations, http.MethodPost: revoke},
		PathCheck:       {http.MethodPost: check},
		PathCopy:        {http.MethodPost: copyStore},
	} {
		routes = append(routes, caddy.AdminRoute{Pattern: pattern, Handler: endpoint(running, methods)})
	}
	return routes
}

// methods are the operations of an endpoint, by the method of the request.
type methods map[string]func(gate, *http.Request) (any, error)

// endpoint answers a request by the operation of its method on the running app.
func endpoint(running func() (App, error), methods methods) caddy.AdminHandlerFunc {
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
		// Errors, too, may reveal what was asked.
		w.Header().Set("Cache-Control", "no-store")
		app, err := running()
		if err != nil {
			return err
		}
		answer, err := operation(gateOf(app), r)
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

var _ caddy.AdminRouter = (*API)(nil)
