package caddymodule

import (
	"net/http"
	"net/url"
	"strings"
)

// pathPrefixes are the fields, folded, whose value some upstreams take off the
// beginning of the path of a request: middleware of WSGI applications that are
// written to run below a prefix (Flask's snippet 35 and its many copies).
var pathPrefixes = [...]string{"x-script-name", "x-forwarded-script-name", "x-traversal-path", "x-forwarded-prefix"}

// everyStripped reports whether a condition holds for each path that the fields of a
// request may leave the upstream of its own, and whether they are few.
func everyStripped(r *http.Request, holds func(path string) bool) bool {
	return everyForwarded(r.Header, pathPrefixes[:], func(prefix string) bool {
		rest, stripped := strings.CutPrefix(r.URL.Path, prefix)
		return !stripped || prefix == "" || holds("/"+strings.TrimPrefix(rest, "/"))
	})
}

// matchStripped reports whether all that may be left of the path of a request is
// public, too.
//
// Attack: GET /assets/admin with X-Script-Name: /assets, which needs no token here,
// and is /admin for the upstream.
func (p *publicPaths) matchStripped(r *http.Request) bool {
	return everyStripped(r, func(path string) bool { return p.match(&url.URL{Path: path}) })
}

// resemblesStripped reports whether some reader could take what is left of the path of
// a request for the endpoint.
//
// Attack: DELETE /x/v1/auth/session with X-Script-Name: /x goes past the gate to an
// upstream that ends its own session.
func (e endpoint) resemblesStripped(r *http.Request) bool {
	return !everyStripped(r, func(path string) bool { return !e.resembles((&url.URL{Path: path}).EscapedPath()) })
}
