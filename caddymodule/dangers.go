package caddymodule

import (
	"log/slog"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// warnOfSecrets warns of issuers whose secret gives more than the secret of one issuer should.
//
// Attack: an application that knows the secret to verify tokens, or a leak of it, makes tokens
// of any user. A signature by a public key would not have allowed that.
func (a *App) warnOfSecrets() {
	for _, i := range a.Issuer {
		switch {
		case len(i.HMACSecret) == 0:
		case i.hasPublicKeys():
			a.logger.Warn("hmac_secret stands beside public keys: whoever knows the secret can make tokens of this issuer; "+
				"take hmac_secret out as soon as the issuer signs with its own keys only", "issuer", i.Issuer)
		case slices.ContainsFunc(a.Issuer, func(other *Issuer) bool { return other.hasPublicKeys() && i.sharesAudience(other) }):
			a.logger.Warn("an issuer with hmac_secret has an audience of an issuer with public keys: whoever knows the secret can make tokens of any user "+
				"for that audience; give the issuer with hmac_secret an audience of its own", "issuer", i.Issuer)
		}
	}
}

// hasPublicKeys reports whether only the issuer itself can make tokens, with at least one of
// its sources of keys.
func (i *Issuer) hasPublicKeys() bool {
	return i.Discover || len(i.JWKS)+len(i.JWKSFile)+len(i.PublicKey) > 0
}

func (i *Issuer) sharesAudience(other *Issuer) bool {
	return slices.ContainsFunc(i.Audience, func(audience string) bool { return slices.Contains(other.Audience, audience) })
}

// warnOfName warns of a name that no token has.
func (i *Issuer) warnOfName(logger *slog.Logger) {
	if strings.Contains(i.Issuer, "{") {
		logger.Warn("the name of an issuer holds a brace, so that no token is of this issuer; write * for the part that differs, and name its claim with wildcard",
			"issuer", i.Issuer)
	}
}

// warnOfAdmission warns of a gate that admits more than its words suggest.
func (g *Gate) warnOfAdmission() {
	if slices.Contains(g.Public, "/*") {
		g.logger.Warn("public /* makes every path public, so that this site needs no token at all; name the paths that need none")
	}
	// Attack: take a token that an application of somebody else was given, and use it here.
	// With hmac_secret alone, the application itself makes the tokens.
	for _, i := range g.app.Issuer {
		if i.AnyAudience && !i.warned && i.hasPublicKeys() && len(i.Require)+len(g.Audience)+len(g.Require) == 0 {
			i.warned = true // one line for all sites
			g.logger.Warn("any_audience also accepts tokens that the issuer makes for other services; name audience, or a claim of this application with require",
				"issuer", i.Issuer)
		}
	}
}

// warnOfUnguarded warns of requests that no gate sees: if there is no gate at all, and if a
// proxy comes before a gate. All handlers are provisioned when the app starts.
func (a *App) warnOfUnguarded() {
	if a.gates == 0 {
		a.logger.Warn("session_gate is in the global options, and no site has the handler session_gate: nothing is guarded; write session_gate into each site")
		return
	}
	found, err := a.ctx.AppIfConfigured("http")
	if err != nil {
		return // the gates are in another app
	}
	for _, server := range found.(*caddyhttp.App).Servers {
		if wayOf(server.Routes, way{}).late {
			a.logger.Warn("a reverse_proxy comes before session_gate: requests that the proxy takes are not guarded; "+
				"put session_gate before it, and take the option order out", "address", strings.Join(server.Listen, " "))
		}
	}
}

// way is what a request has met on its way through the handlers.
type way struct {
	// proxied reports whether a proxy may have taken the request before any gate. guarded
	// reports whether there was a gate. late reports whether a gate came after a proxy.
	proxied, guarded, late bool
}

// wayOf follows routes. Of the routes of a group only one counts for a request. After a route
// that is terminal there is none.
func wayOf(routes caddyhttp.RouteList, before way) way {
	groups := make(map[string]way)
	after := before
	for _, route := range routes {
		from, known := groups[route.Group]
		if route.Group == "" || !known {
			from = after
			groups[route.Group] = after
		}
		to := from
		for _, handler := range route.Handlers {
			to = to.through(handler)
		}
		after.late = after.late || to.late
		if !route.Terminal {
			after.proxied, after.guarded = after.proxied || to.proxied, after.guarded || to.guarded
		}
	}
	return after
}

func (w way) through(handler caddyhttp.MiddlewareHandler) way {
	switch h := handler.(type) {
	case *Gate:
		w.late, w.guarded = w.late || w.proxied, true
	case *reverseproxy.Handler:
		// A proxy that handles responses may go on, such as forward_auth.
		w.proxied = w.proxied || !w.guarded && len(h.HandleResponse) == 0
	case *caddyhttp.Subroute:
		return wayOf(h.Routes, w)
	}
	return w
}
