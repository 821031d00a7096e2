package caddymodule

import (
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

func init() {
	caddy.RegisterModule(Health{})
}

// Health answers the probes of Kubernetes and of other monitors, on a port of its own:
//
//   - `/livez` answers 200 while the process serves. It ignores the store, because a
//     restart does not repair a store.
//   - `/startupz` answers 200 once the gate has been able to admit: it has read the whole set of
//     revocations, the revocation log of a fleet was open, and every issuer has had keys, but
//     for issuers with `keys_optional`. A native sidecar delays the application until then.
//     With `bootstrap manual`, that can be until an operator acts.
//   - `/readyz` answers 200 from the moment at which the gate has read the whole set, until
//     the process begins to stop. With `readiness strict` it answers 503 also while the gate
//     cannot prove that its set is fresh, while its clock is too far from the store's clock,
//     or while an issuer without `keys_optional` has no keys. With `readiness lenient` such a
//     gate stays in its Service. Otherwise an outage of the shared store, or of an issuer,
//     would empty the Service at once, and nobody could log out.
//
// Otherwise the answer is 503. All bodies are JSON. The reason may name issuers, as every
// token does. It names no URL of keys and no address of a store, because anybody in the
// cluster may be able to ask. Requests for other paths, and methods other than GET and HEAD, go
// to the next handler.
type Health struct {
	app *App
}

// CaddyModule returns the Caddy module information.
func (Health) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.session_gate_health",
		New: func() caddy.Module { return new(Health) },
	}
}

// Provision finds the app.
func (h *Health) Provision(ctx caddy.Context) error {
	app, err := ctx.App("session_gate")
	if err != nil {
		return fmt.Errorf("finding the app session_gate: %w", err)
	}
	h.app = app.(*App)
	return nil
}

// health is the body of an answer to a probe. It holds nothing that helps an attacker.
type health struct {
	Status string `json:"status"` // ok or unavailable
	Reason string `json:"reason,omitempty"`
	// State is the state of a fleet's revocation log: repair, open or settled.
	State string `json:"state,omitempty"`
	// Heard is the age of the last heartbeat that extended the lease, in seconds. It counts
	// from when the gate asked the store.
	Heard *operator.Seconds `json:"heard_seconds_ago,omitempty"`
}

// ServeHTTP answers a probe.
func (h *Health) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return next.ServeHTTP(w, r)
	}
	switch r.URL.Path {
	case "/livez":
		return health{Status: "ok"}.write(w)
	case "/startupz":
		return h.started().write(w)
	case "/readyz":
		return h.ready().write(w)
	default:
		return next.ServeHTTP(w, r)
	}
}

func (h *Health) started() health {
	state := operator.StateOf(h.app)
	answer := synced(state)
	if awaited := state.Awaited(); answer.Status == "ok" && len(awaited) > 0 {
		answer.refuse("the keys of " + operator.Names(awaited) + " were never loaded; the gate's log says why")
	}
	return answer
}

func (h *Health) ready() health {
	state := operator.StateOf(h.app)
	answer := synced(state)
	missed := state.Missed()
	switch {
	case answer.Status != "ok":
	case caddy.Exiting():
		answer.refuse("stopping")
	case h.app.Readiness == "strict" && state.Skewed:
		answer.refuse("the clocks of this machine and of the store are too far apart; the gate's log says by how much")
	case h.app.Readiness == "strict" && state.Fenced && state.State == operator.InRepair:
		answer.refuse(reasonRepair)
	case h.app.Readiness == "strict" && state.Fenced:
		answer.refuse("the store does not answer and the lease has expired")
	case h.app.Readiness == "strict" && len(missed) > 0:
		answer.refuse("the gate has no keys of " + operator.Names(missed) + "; the gate's log says why")
	}
	return answer
}

// reasonRepair is the reason while a revocation log that may have lost revocations is not
// open.
const reasonRepair = "the gates are restoring the revocation log; the gate's log says more"

// The reasons while a revocation log that was never used is not open.
const (
	reasonNew       = "the store is new, and the gate waits two leases before it admits requests"
	reasonNewManual = "the store is new, and the gate waits for caddy session-gate bootstrap"
)

// synced answers for a gate that has read the whole set, and refuses for another.
func synced(state operator.State) health {
	answer := health{Status: "ok", State: state.State, Heard: state.LeaseAgeSeconds}
	switch {
	case state.Synced:
	case state.New && state.Bootstrap == "manual":
		answer.refuse(reasonNewManual)
	case state.New:
		answer.refuse(reasonNew)
	case state.State == operator.InRepair:
		answer.refuse(reasonRepair)
	default:
		answer.refuse("the gate has not read the revocations yet; the gate's log says why")
	}
	return answer
}

func (h *health) refuse(reason string) { h.Status, h.Reason = "unavailable", reason }

func (h health) write(w http.ResponseWriter) error {
	status := http.StatusOK
	if h.Status != "ok" {
		status = http.StatusServiceUnavailable
	}
	if err := reply.JSON(w, status, h); err != nil {
		return fmt.Errorf("answering a probe: %w", err)
	}
	return nil
}

var (
	_ caddy.Provisioner           = (*Health)(nil)
	_ caddyhttp.MiddlewareHandler = (*Health)(nil)
)
