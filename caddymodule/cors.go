package caddymodule

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/fieldname"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// origins are the origins that may call the session endpoint from a browser.
type origins map[string]struct{}

func newOrigins(names []string) (origins, error) {
	o := make(origins, len(names))
	for _, name := range names {
		if !isOrigin(name) {
			return nil, fmt.Errorf("checking session_gate: cors %q must be an origin such as https://app.example.com: "+
				"scheme and host in small letters, a port if it is not the scheme's own, and no path", name)
		}
		o[name] = struct{}{}
	}
	return o, nil
}

// isOrigin reports whether a text is an origin as browsers write it (RFC 6454
// §6.2). Any other would never be met, and there are no wildcards.
func isOrigin(name string) bool {
	u, err := url.Parse(name)
	if err != nil || u.Scheme+"://"+u.Host != name || u.Hostname() == "" {
		return false
	}
	schemePorts := map[string]string{"https": "443", "http": "80"}
	port, known := schemePorts[u.Scheme]
	return known && u.Port() != port && !strings.HasSuffix(u.Host, ":") &&
		!strings.ContainsFunc(u.Host, func(r rune) bool { return r > '~' || r >= 'A' && r <= 'Z' || r == '*' })
}

func (o origins) has(origin string) bool {
	_, ok := o[origin]
	return ok
}

// isPreflight reports whether a request is a CORS preflight (Fetch standard §4.8). A
// preflight carries no token, and goes upstream without one.
//
// Attack: a request with side effects disguised as a preflight. Browsers send preflights
// without content, and no page can add a field to them. So a request with a body, with a
// field for another method, or with an upgrade is no preflight.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" &&
		r.Header.Get("Access-Control-Request-Method") != "" && len(r.Header["Upgrade"]) == 0 &&
		!reply.HasBody(r) && !overridesMethod(r.Header)
}

// passPreflight hands a preflight on without content.
func passPreflight(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	reply.DropBody(r)
	return next.ServeHTTP(w, r)
}

// methodOverrides are the fields, folded, from which some upstreams take the method. The
// gate never does.
var methodOverrides = [...]string{"x-http-method-override", "x-http-method", "x-method-override"}

func overridesMethod(header http.Header) bool {
	for name := range header {
		if fieldname.In(name, methodOverrides[:]) {
			return true
		}
	}
	return false
}

// allow tells the browser whether the page that sent the request may read the answer, and
// reports whether it may. The answer differs by origin, so allow tells caches, too.
func (o origins) allow(w http.ResponseWriter, r *http.Request, credentials bool) bool {
	header := w.Header()
	header.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !o.has(origin) {
		return false
	}
	header.Set("Access-Control-Allow-Origin", origin)
	if credentials {
		header.Set("Access-Control-Allow-Credentials", "true")
	}
	return true
}

// preflight answers a preflight for a path of the gate's own with the methods that are
// allowed there. Another origin gets the same status without the permission, and the browser
// stops.
func (o origins) preflight(w http.ResponseWriter, r *http.Request, methods string, credentials bool) error {
	header := w.Header()
	header.Add("Vary", "Access-Control-Request-Method")
	header.Add("Vary", "Access-Control-Request-Headers")
	if o.allow(w, r, credentials) {
		header.Set("Access-Control-Allow-Methods", methods)
		header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
		header.Set("Access-Control-Max-Age", "600")
	}
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// fromForeignSite reports whether the browser says that another site sent the request. The
// rule is that of http.CrossOriginProtection: Sec-Fetch-Site decides if it is there, because
// it does not depend on the Host field, which proxies rewrite. Without it, Origin has to be
// this host. A client that sends neither field is no browser, or an old one on this site.
//
// Attack: a page of another site sends the DELETE, and the browser adds the cookie
// (cross-site request forgery). A page has to put a token into a header on purpose, so such
// a request needs no check.
func (o origins) fromForeignSite(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if o.has(origin) {
		return false
	}
	if new(http.CrossOriginProtection).Check(r) != nil {
		return true
	}
	// Anybody on the way may have written a page that came in the clear. If TLS ends before
	// this gate, the scheme of the request is not known here.
	return r.TLS != nil && r.Header.Get("Sec-Fetch-Site") == "" && strings.HasPrefix(origin, "http://")
}
