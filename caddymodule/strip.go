package caddymodule

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/fieldname"
	"github.com/sessiongate/sessiongate/caddymodule/paths"
)

// strip removes what a client must not tell the upstream: who the user is, which path
// is meant, and anything after the body.
//
// Invariant 9: nothing that a client sent as an identity header reaches the upstream,
// in any spelling, as a trailer, or through a Connection field that makes the proxy
// drop ours.
func (g *Gate) strip(r *http.Request) {
	for name, values := range r.Header {
		switch {
		case paths.IsOverride(name):
			g.stripOverride(r, name)
		case name == "Connection":
			g.identity.stripConnection(r.Header, values)
		case g.identity.owns(name):
			delete(r.Header, name)
		}
	}
	// Trailers arrive after the body, and any name may be among them: the
	// reverse proxy copies the map when the body is over. Without the map,
	// none gets through.
	r.Trailer = nil
}

// stripOverride deletes a field that names another path, unless a trusted proxy sent
// it.
//
// Attack: GET /healthz with X-Original-URL: /admin, or 64 segments and as many
// dot-dots in it. Whatever the upstream makes of such a field, clients do not send
// it.
func (g *Gate) stripOverride(r *http.Request, name string) {
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); trusted {
		return
	}
	delete(r.Header, name)
	if _, warned := g.untrusted.LoadOrStore(fieldname.Fold(name), true); !warned {
		g.logger.Warn("a request came with a header field that names another path; the gate deletes such fields from requests of clients; "+
			"if a proxy of yours sends the field, and deletes all such fields of its own clients, "+
			"name the proxy's addresses in `servers { trusted_proxies static <range> }`",
			"header", name, "address", r.RemoteAddr)
	}
}
