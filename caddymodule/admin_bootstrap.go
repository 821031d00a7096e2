package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2"
)

// said is the answer to a word that was taken.
type said struct {
	Message string `json:"message"`
}

func (s said) describe(w io.Writer) error {
	_, err := fmt.Fprintln(w, s.Message)
	return err
}

// takeBootstrap takes the operator's word that a log in repair may be opened.
func takeBootstrap(app *App, _ *http.Request) (any, error) {
	_, fleet := app.hub.Store()
	switch {
	case !app.module.Shared():
		return nil, conflict(fmt.Errorf("bootstrapping: the store %q is this machine's own, and there is no log of a fleet to open",
			caddy.GetModuleName(app.module)))
	case fleet == nil:
		return nil, conflict(errors.New("bootstrapping: the store is not open"))
	}
	if err := fleet.Bootstrap(); err != nil {
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
