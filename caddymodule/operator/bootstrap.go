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

// bootstrap opens a revocation log in repair, although no gate can confirm its contents.
func bootstrap(g gate, _ *http.Request) (any, error) {
	_, fleet := g.Hub().Store()
	switch {
	case !g.settings.Store.Shared:
		return nil, conflict(fmt.Errorf("bootstrapping: the store %q is this machine's own; there is no revocation log of a fleet to open",
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
	g.settings.Logger.Warn("an operator allowed opening the revocation log without a gate that can confirm its contents")
	return Message{"This gate opens the revocation log two leases after it learned of the loss, or at once if they have passed. The other gates follow."}, nil
}
