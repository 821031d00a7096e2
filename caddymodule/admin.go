package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
)

func init() {
	caddy.RegisterModule(adminAPI{})
}

const (
	adminHealth    = "/session_gate/health"
	adminBootstrap = "/session_gate/bootstrap"
)

// adminAPI is what operators ask of a running gate, below /session_gate/ in
// Caddy's admin API:
//
//   - `GET /session_gate/health` answers 200 with the state of the gate, whatever
//     the state is.
//   - `POST /session_gate/bootstrap` lets a shared log in repair be opened
//     although no gate can vouch for what it held. It answers 200 when the word
//     was taken, and 409 with what is the case when there is nothing to open.
//
// Both answer 404 while no configuration with the app runs. Errors are Caddy's
// `{"error": "…"}`. Who reaches the admin API can replace the configuration, so
// that these endpoints ask for nothing more.
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
	return []caddy.AdminRoute{
		{Pattern: adminHealth, Handler: a.endpoint(http.MethodGet, func(app *App) (any, error) { return app.state(), nil })},
		{Pattern: adminBootstrap, Handler: a.endpoint(http.MethodPost, takeBootstrap)},
	}
}

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

// endpoint answers one method with what the operation makes of the running app.
func (a *adminAPI) endpoint(method string, operation func(*App) (any, error)) caddy.AdminHandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Method != method {
			w.Header().Set("Allow", method)
			return caddy.APIError{
				HTTPStatus: http.StatusMethodNotAllowed,
				Err:        fmt.Errorf("answering %s %s: the method is %s", r.Method, r.URL.Path, method),
			}
		}
		app, err := a.running()
		if err != nil {
			return err
		}
		answer, err := operation(app)
		if err != nil {
			return err
		}
		body, err := json.Marshal(answer)
		if err != nil {
			return fmt.Errorf("answering %s: %w", r.URL.Path, err)
		}
		return writeJSON(w, http.StatusOK, append(body, '\n'))
	}
}

// said is the answer to a word that was taken.
type said struct {
	Message string `json:"message"`
}

// takeBootstrap takes the operator's word that a log in repair may be opened.
func takeBootstrap(app *App) (any, error) {
	live := app.shared.live.Load()
	switch {
	case !app.module.Shared():
		return nil, conflict(fmt.Errorf("bootstrapping: the store %q is this machine's own, and there is no log of a fleet to open",
			caddy.GetModuleName(app.module)))
	case live == nil:
		return nil, conflict(errors.New("bootstrapping: the store is not open"))
	}
	if err := live.replica.Bootstrap(); err != nil {
		state := app.state().State
		if state == "" {
			return nil, conflict(fmt.Errorf("%w; the store has not answered yet", err))
		}
		return nil, conflict(fmt.Errorf("%w but %s; there is nothing to open", err, state))
	}
	app.logger.Warn("an operator lets the log be opened, although no gate can vouch for what it held")
	return said{"The log is opened two leases after this gate heard of its loss, at once if that is past. Other gates follow."}, nil
}

func conflict(err error) error {
	return caddy.APIError{HTTPStatus: http.StatusConflict, Err: err}
}

var _ caddy.AdminRouter = (*adminAPI)(nil)
