package caller

import (
	"net/http"

	"github.com/sessiongate/sessiongate/caddymodule/fieldname"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// IsPreflight reports whether a request is a CORS preflight (Fetch standard §4.8). A
// preflight carries no token, and goes upstream without one.
//
// Attack: a request with side effects disguised as a preflight. Browsers send preflights
// without content, and no page can add a field to them. So a request with a body, with a
// field for another method, or with an upgrade is no preflight. Over HTTP/3 nobody knows
// whether there is a body: drop it (reply.DropBody) before the request goes upstream.
func IsPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" &&
		r.Header.Get("Access-Control-Request-Method") != "" && len(r.Header["Upgrade"]) == 0 &&
		!reply.HasBody(r) && !overridesMethod(r.Header)
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
