package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/metrics"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// counts are those of the whole process. They go on when the configuration is reloaded, also
// with another store.
var counts = metrics.NewCounts()

// register registers the metrics in the registry of a configuration. Caddy has a new registry
// for each configuration, and drops it with the configuration, also if that was only validated.
func (a *App) register(ctx caddy.Context, issuers []token.IssuerOptions) error {
	o := metrics.Options{Counts: counts, Hub: a.hub}
	for _, issuer := range issuers {
		o.Issuers = append(o.Issuers, metrics.Issuer{Name: issuer.Issuer, Keys: issuer.Keys})
	}
	registry := ctx.GetMetricsRegistry()
	if registry == nil {
		return nil
	}
	if err := registry.Register(metrics.NewCollector(o)); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	return nil
}

// settle counts what became of a request, and says it in the span of the request. The hub
// counts those that are admitted.
func (g *Gate) settle(r *http.Request, o metrics.Outcome) {
	counts.Count(o)
	if g.isTraced() {
		traceOutcome(r, o, "")
	}
}

// settleRefusal is settle for a request that is refused. A refusal without a reason, such as 404
// for a session that is unknown, is an answer of one of the gate's own paths.
func (g *Gate) settleRefusal(r *http.Request, deny *reply.Denial) {
	o := metrics.OutcomeOf(deny.Reason)
	counts.Count(o)
	if g.isTraced() {
		traceOutcome(r, o, deny.Reason)
	}
}

// errRefused says that a request was refused, answered and counted. It is no error for Caddy.
var errRefused = errors.New("refused")

// refuseOwn is refuse for requests to the gate's own paths. It returns errRefused, so that
// serveRoute does not count the request once more.
func (g *Gate) refuseOwn(w http.ResponseWriter, r *http.Request, deny *reply.Denial) error {
	return cmp.Or(g.refuse(w, r, deny), errRefused)
}

// serveRoute lets a route answer a request, and counts it, unless it is guarded like any other
// or was refused for a reason. A request whose answer breaks off is counted, too.
func (g *Gate) serveRoute(route *route, w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) (served bool, err error) {
	outcome, counted := metrics.Own, false
	if caller.IsPreflight(r) {
		outcome = metrics.Preflight
	}
	defer func() {
		if !counted {
			g.settle(r, outcome)
		}
	}()
	served, err = route.serve(w, r, next)
	if counted = !served || err == errRefused; err == errRefused {
		err = nil
	}
	return served, err
}
