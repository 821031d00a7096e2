package operator

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

// copyStore lets the command `copy` read or write the store that this process has open.
//
// Attack: see parameters.readBody.
func copyStore(g gate, r *http.Request) (any, error) {
	if reply.MediaType(r.Header) != reply.MediaJSON {
		return nil, caddy.APIError{HTTPStatus: http.StatusUnsupportedMediaType, Err: errors.New("copying: want Content-Type application/json")}
	}
	var asked copying.Request
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxPage))
	if err == nil {
		err = json.Unmarshal(body, &asked)
	}
	if err != nil {
		return nil, badRequest(errors.New("copying: the body is not valid; use the command copy of the same version as the gate"))
	}
	local, err := Place(g.App)
	if err != nil {
		return nil, err
	}
	if asked.Do == "pause" || asked.Do == "resume" {
		g.settings.Logger.Warn("an operator paused or resumed the store for a copy", "reason", asked.Do)
	}
	answer, err := local.Serve(r.Context(), asked)
	if err != nil {
		return nil, unavailable(fmt.Errorf("copying: %w", err))
	}
	return answer, nil
}

// Place returns the open store of an app, to be copied from or to.
func Place(app App) (*copying.Local, error) {
	g := gateOf(app)
	if err := g.checkOpen("copying"); err != nil {
		return nil, err
	}
	backend, set := g.Hub().Store()
	return &copying.Local{
		Store: g.settings.Store.Place, Backend: backend, Replica: set,
		Advice: func() (why, next string) { return StateOf(app).storeAdvice() },
	}, nil
}
