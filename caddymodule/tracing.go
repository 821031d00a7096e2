package caddymodule

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/sessiongate/sessiongate/caddymodule/metrics"
	"github.com/sessiongate/sessiongate/store/replica"
)

// The attributes of the span of a request. The outcome is that of the metrics. The cache is
// hit or miss, if the gate looked at a token. The issuer is the configured one that the token
// names.
//
// Invariant 10: a span goes to other systems. It holds no token, no session id and no subject.
const (
	outcomeAttribute = "session_gate.outcome"
	reasonAttribute  = "session_gate.reason"
	cacheAttribute   = "session_gate.cache"
	issuerAttribute  = "session_gate.issuer"
	gatesAttribute   = "session_gate.gates"
)

// findTracing notes whether Caddy's handler tracing is in the configuration. Without it no
// request pays for a look for its span. All handlers are provisioned when the app starts.
func (a *App) findTracing() {
	found, err := a.ctx.AppIfConfigured("http")
	if err != nil {
		return
	}
	for _, server := range found.(*caddyhttp.App).Servers {
		routes := slices.Clone(server.Routes)
		for _, named := range server.NamedRoutes {
			routes = append(routes, *named)
		}
		if traces(routes) {
			a.traced.Store(true)
		}
	}
}

// traces reports whether the handler tracing is in the routes.
func traces(routes caddyhttp.RouteList) bool {
	return slices.ContainsFunc(routes, func(route caddyhttp.Route) bool {
		return slices.ContainsFunc(route.Handlers, func(handler caddyhttp.MiddlewareHandler) bool {
			if inner, ok := handler.(*caddyhttp.Subroute); ok {
				return traces(inner.Routes)
			}
			// A name, because importing the package would link every exporter into each test.
			return fmt.Sprintf("%T", handler) == "*tracing.Tracing"
		})
	})
}

// isTraced reports whether requests may have spans.
func (g *Gate) isTraced() bool { return g.traced != nil && g.traced.Load() }

// traceOutcome says in the span of a request what became of it. reason is that of a refusal, ""
// for none.
func traceOutcome(r *http.Request, o metrics.Outcome, reason string) {
	span := trace.SpanFromContext(r.Context())
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.String(outcomeAttribute, o.String()))
	if reason != "" {
		span.SetAttributes(attribute.String(reasonAttribute, reason))
	}
}

// traceToken says in the span of a request what the gate found out about its token. It
// implements caller.Options.Trace.
func traceToken(r *http.Request, cached bool, issuer string) {
	span := trace.SpanFromContext(r.Context())
	if !span.IsRecording() {
		return
	}
	cache := "miss"
	if cached {
		cache = "hit"
	}
	span.SetAttributes(attribute.String(cacheAttribute, cache))
	if issuer != "" {
		span.SetAttributes(attribute.String(issuerAttribute, issuer))
	}
}

// traceRevocation adds a span for the entry on the revocation log, and one for the other
// gates, to the span of a request that has just revoked.
func traceRevocation(ctx context.Context, r replica.Receipt) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	tracer := span.TracerProvider().Tracer(modulePath, trace.WithInstrumentationVersion(version()))
	child := func(name string, began, ended time.Time, attributes ...attribute.KeyValue) {
		_, child := tracer.Start(ctx, name, trace.WithTimestamp(began), trace.WithAttributes(attributes...))
		child.End(trace.WithTimestamp(ended))
	}
	now := time.Now()
	began := now.Add(-r.Took)
	child("session_gate append", began, began.Add(r.Appended))
	if r.Gate != 0 && !r.StoreOnly {
		child("session_gate acknowledge", began.Add(r.Appended), now, attribute.Int(gatesAttribute, len(r.Gates)+r.Others))
	}
}
