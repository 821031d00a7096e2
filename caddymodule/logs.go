package caddymodule

import (
	"cmp"
	"context"
	"log/slog"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// hiddenFields are the fields whose values Caddy's logs do not show.
var hiddenFields = []string{"Authorization", "Proxy-Authorization", "Cookie"}

// logsOf returns the log settings of the server that ctx provisions a handler for, or nil.
func logsOf(ctx caddy.Context) *caddyhttp.ServerLogConfig {
	if server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok {
		return server.Logs
	}
	return nil
}

// warnOfLogs warns if Caddy's own logs would hold tokens or session ids with this
// configuration (Invariant 10). Caddy copies a request for its logs before any handler sees
// it, and hides the values of a fixed list of fields. No handler can hide another field. A
// filter of the log can.
func (g *Gate) warnOfLogs(logs *caddyhttp.ServerLogConfig) {
	const remedy = "give every log a filter, the default log too: format filter { request>headers>… delete }"
	if g.extractor.Header() != "" && !slices.Contains(hiddenFields, g.extractor.Header()) {
		g.logger.Warn("Caddy's logs show the header that the token is in; "+remedy, "header", g.extractor.Header())
	}
	if filters := g.Token.logFilters(); len(filters) > 0 {
		g.logger.Warn("Caddy's logs show a part of requests that the token is in; give every log the filter, the default log too", "filter", formatOf(filters))
	}
	if logs != nil && logs.ShouldLogCredentials {
		g.logger.Warn("log_credentials lets Caddy's logs show tokens and cookies; take it out of the options of the servers")
	}
	if !g.logger.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	for name, claim := range g.identity.All() {
		if g.app.namesSession(claim) {
			g.logger.Warn("reverse_proxy's debug log shows the header that the session or the token is named in; "+remedy, "header", name)
		}
	}
}

// warnOfLogoutAudience warns if no issuer says which clients its logout tokens are for. Their
// `aud` is a client, and that of access tokens is mostly an API. So the gate would refuse all
// logout tokens, while the issuer, who logs out many applications, tells nobody.
func (g *Gate) warnOfLogoutAudience() {
	if slices.ContainsFunc(g.app.Issuer, func(i *Issuer) bool { return len(i.LogoutAudience) > 0 || i.AnyAudience }) {
		return
	}
	g.logger.Warn("backchannel_logout is on, and no issuer has logout_audience: logout tokens are refused unless their audience is that of access tokens; " +
		"name the client ids in logout_audience")
}

// namesSession reports whether the claim names a session or a token for any of the issuers.
func (a *App) namesSession(claim string) bool {
	return slices.ContainsFunc(a.Issuer, func(i *Issuer) bool {
		return slices.Contains(i.sessionClaims(), claim) || claim == cmp.Or(i.TokenIDClaim, "jti")
	})
}
