package caddymodule

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/store/replica"
)

// The attributes of the span of a request. The outcome is that of the metrics. The cache is
// hit or miss, if the gate looked at a token. The issuer is that of a verified token.
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

// tracedRequest is a request whose span is recorded. It is the next handler of its gate, and
// notes that the request was passed on.
type tracedRequest struct {
	gate    *Gate
	next    caddyhttp.Handler
	request *http.Request
	span    trace.Span
	raw     string // the credential, if there is exactly one
	cache   string
	passed  bool
}

// traced returns a request whose span is recorded, and that no tracedRequest serves already, or
// nil. Without the handler tracing it costs nothing.
func (g *Gate) traced(r *http.Request, next caddyhttp.Handler) *tracedRequest {
	if !g.app.traced.Load() {
		return nil
	}
	return g.recorded(r, next)
}

func (g *Gate) recorded(r *http.Request, next caddyhttp.Handler) *tracedRequest {
	if _, already := next.(*tracedRequest); already {
		return nil
	}
	span := trace.SpanFromContext(r.Context())
	if !span.IsRecording() {
		return nil
	}
	t := &tracedRequest{gate: g, next: next, request: r, span: span}
	if raw, _, err := g.extractor.Extract(r); err == nil {
		t.raw, t.cache = raw, "miss"
		if g.app.verifier.Lookup(raw) != nil {
			t.cache = "hit"
		}
	}
	return t
}

// serve lets the gate decide, and sets the attributes of the span.
func (t *tracedRequest) serve(w http.ResponseWriter, r *http.Request) error {
	defer t.end()
	return t.gate.ServeHTTP(w, r, t)
}

// ServeHTTP implements caddyhttp.Handler: the gate passes the request on.
func (t *tracedRequest) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	t.passed = true
	outcome := t.passedAs(r)
	t.set(outcome, "", outcome == "admitted")
	return t.next.ServeHTTP(w, r)
}

// passedAs returns the outcome of a request that is passed on.
func (t *tracedRequest) passedAs(r *http.Request) string {
	grants := func(own route) bool { return own.grants && own.Is(r.URL) }
	switch {
	case placeholder(r, userPrefix+"issuer") != "":
		return "admitted"
	case slices.ContainsFunc(t.gate.routes, grants):
		return "own"
	case caller.IsPreflight(r):
		return "preflight"
	case t.gate.public.Match(r):
		return "public"
	default:
		return "optional"
	}
}

// unlooked are the reasons of refusals without a look at a token.
var unlooked = []string{"method", "path", "missing", "several"}

// end sets the attributes of a request that the gate answers itself.
func (t *tracedRequest) end() {
	switch reason := placeholder(t.request, reasonKey); {
	case t.passed:
	case reason != "":
		t.set(reason, reason, !slices.Contains(unlooked, reason))
	case caller.IsPreflight(t.request):
		t.set("preflight", "", false)
	default:
		t.set("own", "", true)
	}
}

// set sets the attributes. looked reports whether the gate looked at a token.
func (t *tracedRequest) set(outcome, reason string, looked bool) {
	t.span.SetAttributes(attribute.String(outcomeAttribute, outcome))
	if reason != "" {
		t.span.SetAttributes(attribute.String(reasonAttribute, reason))
	}
	if t.raw == "" || !looked {
		return
	}
	t.span.SetAttributes(attribute.String(cacheAttribute, t.cache))
	issuer := placeholder(t.request, userPrefix+"issuer")
	if token := t.gate.app.verifier.Lookup(t.raw); token != nil {
		issuer = token.Issuer
	}
	if issuer != "" {
		t.span.SetAttributes(attribute.String(issuerAttribute, issuer))
	}
}

// placeholder returns the value of a placeholder of a request, "" for none.
func placeholder(r *http.Request, key string) string {
	replacer, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return ""
	}
	value, _ := replacer.GetString(key)
	return value
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
