package caddymodule

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/fieldname"
	"github.com/sessiongate/sessiongate/caddymodule/paths"
)

// strip removes from a request what a client must not tell the upstream:
//
//   - who the user is,
//   - another path,
//   - an upgrade of the connection, in which further requests would bypass the gate,
//   - trailers after the body,
//   - a token in the address of the page that sent the request.
func (g *Gate) strip(r *http.Request) {
	g.identity.Strip(r, func(name string) bool { return paths.IsOverride(name) && !g.mayOverride(r, name) })
	stripUpgrade(r.Header)
	g.extractor.TakeReferer(r.Header)
}

// mayOverride reports whether a field of this name may pass: it names another path, and a
// trusted proxy sent the request. For other senders it logs one warning for each field
// name.
//
// Attack: GET /healthz with X-Original-URL: /admin, or with 64 segments and as many
// dot-dots. Clients do not need such a field, whatever the upstream does with it.
func (g *Gate) mayOverride(r *http.Request, name string) bool {
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); trusted {
		return true
	}
	if _, warned := g.untrusted.LoadOrStore(fieldname.Fold(name), true); !warned {
		g.logger.Warn("a request came with a header field that names another path; the gate deletes such fields from requests of clients; "+
			"if a proxy of yours sends the field, and deletes all such fields of its own clients, "+
			"name the proxy's addresses in `servers { trusted_proxies static <range> }`",
			"header", name, "address", r.RemoteAddr)
	}
	return false
}
