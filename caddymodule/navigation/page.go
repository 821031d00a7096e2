package navigation

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/fieldname"
)

// IsPage reports whether a request is a top-level navigation: a person opens a page in a tab,
// and would follow a redirect. Requests of scripts, frames, images and WebSockets are none, nor
// are requests that no page navigation sends: other methods, or a body.
//
// Browsers say so in Sec-Fetch-Mode and Sec-Fetch-Dest (Fetch Metadata), over https and to
// localhost. Without these fields, Accept decides: a browser that opens a page prefers HTML,
// and scripts get `*/*` or what they ask for.
//
// Attack: a script of a single-page application is redirected. It reads the login page as its
// data, or fails by the CORS rules of the other server, and never learns of the 401.
func IsPage(r *http.Request) bool {
	if r.Method != http.MethodGet || r.ContentLength > 0 || len(r.TransferEncoding) > 0 ||
		len(r.Header["Upgrade"]) > 0 || len(r.Header["X-Requested-With"]) > 0 {
		return false
	}
	mode, destination := r.Header["Sec-Fetch-Mode"], r.Header["Sec-Fetch-Dest"]
	if len(mode) > 0 || len(destination) > 0 {
		return is(mode, "navigate") && is(destination, "document")
	}
	return prefersHTML(r.Header["Accept"])
}

// is reports whether a field was sent once, with this value.
func is(values []string, want string) bool { return len(values) == 1 && values[0] == want }

// prefersHTML reports whether the first of the media types with the highest weight is HTML
// (RFC 9110 §12.5.1). A wildcard is not HTML.
func prefersHTML(accept []string) bool {
	highest, preferred := 0.0, ""
	for _, list := range accept {
		for member := range fieldname.Members(list) {
			mediaType, parameters, _ := strings.Cut(member, ";")
			if q := weight(parameters); q > highest {
				highest, preferred = q, strings.TrimSpace(mediaType)
			}
		}
	}
	return strings.EqualFold(preferred, "text/html")
}

// weight returns the weight in the parameters of a media type: 1 if there is none, and 0 if it
// is invalid.
func weight(parameters string) float64 {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if !strings.EqualFold(name, "q") {
			continue
		}
		q, err := strconv.ParseFloat(value, 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return 0
		}
		return q
	}
	return 1
}
