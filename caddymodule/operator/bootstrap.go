package operator

import (
	"errors"
	"fmt"
	"net/http"
)

// Message is the answer to a call that changed something.
type Message struct {
	Message string `json:"message"`
}

// bootstrap lets a revocation log in repair be opened.
func bootstrap(g gate, _ *http.Request) (any, error) {
	_, fleet := g.Hub().Store()
	switch {
	case !g.settings.Store.Shared:
		return nil, conflict(fmt.Errorf("bootstrapping: the store %q is this machine's own, and there is no log of a fleet to open",
			g.settings.Store.Kind))
	case fleet == nil:
		return nil, conflict(errors.New("bootstrapping: the store is not open"))
	}
	if err := fleet.Bootstrap(); err != nil {
		state := g.state().State
		if state == "" {
			return nil, conflict(fmt.Errorf("%w; the store has not answered yet", err))
		}
		return nil, conflict(fmt.Errorf("%w but %s; there is nothing to open", err, state))
	}
	g.settings.Logger.Warn("an operator lets the log be opened, although no gate can vouch for what it held")
	return Message{"The log is opened two leases after this gate heard of its loss, at once if that is past. Other gates follow."}, nil
}
