package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/copying"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// maxCopyBody bounds the body of a call that copies, in bytes: a full page.
const maxCopyBody = 4 << 20

// takeCopy lets the command `copy` read or write the store that this process has open.
//
// Attack: see parameters.readBody.
func takeCopy(app *App, r *http.Request) (any, error) {
	if reply.MediaType(r.Header) != reply.MediaJSON {
		return nil, caddy.APIError{HTTPStatus: http.StatusUnsupportedMediaType, Err: errors.New("copying: the Content-Type has to be application/json")}
	}
	var asked copying.Request
	body, err := io.ReadAll(io.LimitReader(r.Body, maxCopyBody))
	if err == nil {
		err = json.Unmarshal(body, &asked)
	}
	if err != nil {
		return nil, badRequest(errors.New("copying: the body is not what the command copy of this version sends"))
	}
	local, err := app.local()
	if err != nil {
		return nil, err
	}
	if asked.Do == "pause" || asked.Do == "resume" {
		app.logger.Warn("the store is copied: an operator has it refuse logouts, or take them again", "reason", asked.Do)
	}
	answer, err := local.Serve(r.Context(), asked)
	if err != nil {
		return nil, unavailable(fmt.Errorf("copying: %w", err))
	}
	return answer, nil
}

// local is the open store of an app, to be copied.
func (a *App) local() (*copying.Local, error) {
	if err := a.checkOpen("copying"); err != nil {
		return nil, err
	}
	backend, set := a.hub.Store()
	return &copying.Local{
		Store: a.module.PoolKey(), Backend: backend, Replica: set,
		Advice: func() (why, next string) { return a.state().advice() },
	}, nil
}
