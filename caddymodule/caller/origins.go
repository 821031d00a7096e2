package caller

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// Origins are the origins whose pages may call the gate from a browser (CORS, Fetch standard
// §3.2). It is not changed after NewOrigins, and may be used concurrently. The zero Origins
// allow none.
type Origins struct {
	allowed     map[string]struct{}
	credentials bool
}

// NewOrigins returns the origins of a list such as https://app.example.com. If credentials
// is true, their pages may send cookies. It returns an error for a text that no browser
// sends as an origin.
func NewOrigins(names []string, credentials bool) (Origins, error) {
	o := Origins{make(map[string]struct{}, len(names)), credentials}
	for _, name := range names {
		if !isOrigin(name) {
			return Origins{}, fmt.Errorf("cors %q must be an origin such as https://app.example.com: "+
				"scheme and host in small letters, a port if it is not the scheme's own, and no path", name)
		}
		o.allowed[name] = struct{}{}
	}
	return o, nil
}

// isOrigin reports whether a text is an origin as browsers write it (RFC 6454 §6.2). No
// request has another text, and there are no wildcards.
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

func (o Origins) has(origin string) bool {
	_, ok := o.allowed[origin]
	return ok
}

// exposed are the fields of the gate's own answers that a page cannot read unless the answer
// names them (Fetch standard §3.2.3).
const exposed = "Retry-After, Session-Gate-Ended, WWW-Authenticate"

// Allow tells the browser whether the page that sent a request may read the answer, and the
// fields that the gate sets in it. It also tells caches that the answer depends on the
// origin. If no origin is allowed, it does nothing. A second call for the same answer changes
// nothing.
func (o Origins) Allow(w http.ResponseWriter, r *http.Request) {
	if len(o.allowed) > 0 && o.allow(w, r) {
		w.Header().Set("Access-Control-Expose-Headers", exposed)
	}
}

// allow is Allow, and reports whether the page may read the answer.
func (o Origins) allow(w http.ResponseWriter, r *http.Request) bool {
	header := w.Header()
	if !slices.Contains(header["Vary"], "Origin") {
		header.Add("Vary", "Origin")
	}
	origin := r.Header.Get("Origin")
	if !o.has(origin) {
		return false
	}
	header.Set("Access-Control-Allow-Origin", origin)
	if o.credentials {
		header.Set("Access-Control-Allow-Credentials", "true")
	}
	return true
}

// Preflight answers a preflight (IsPreflight) for a path of the gate with the methods that
// are allowed there, as a list. A page of another origin gets the same status without the
// permission, and the browser stops. The error is always nil.
func (o Origins) Preflight(w http.ResponseWriter, r *http.Request, methods string) error {
	header := w.Header()
	header.Add("Vary", "Access-Control-Request-Method")
	header.Add("Vary", "Access-Control-Request-Headers")
	if o.allow(w, r) {
		header.Set("Access-Control-Allow-Methods", methods)
		header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
		header.Set("Access-Control-Max-Age", "600")
	}
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// CheckSite refuses a request whose credential the browser added for a page of another site.
// The source is where the credential was (Reader.Read).
//
// Attack: a page of another site sends the DELETE, and the browser adds the cookie
// (cross-site request forgery). A page has to put a token into a header on purpose, so such
// a request needs no check.
func (o Origins) CheckSite(r *http.Request, source credential.Source) *reply.Denial {
	if source.IsAmbient() && o.isCrossSite(r) {
		return crossSite
	}
	return nil
}

// isCrossSite reports whether the browser says that another site sent the request. The rule
// is that of http.CrossOriginProtection: Sec-Fetch-Site decides if it is there, because it
// does not depend on the Host field, which proxies rewrite. Without it, Origin has to be this
// host. A client that sends neither field is no browser, or an old one on this site.
func (o Origins) isCrossSite(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if o.has(origin) {
		return false
	}
	if new(http.CrossOriginProtection).Check(r) != nil {
		return true
	}
	// An attacker on the network path can write a page that is loaded without TLS. If TLS
	// ends before this gate, the gate does not know the scheme of the request.
	return r.TLS != nil && r.Header.Get("Sec-Fetch-Site") == "" && strings.HasPrefix(origin, "http://")
}
