package caddymodule

import (
	"net/http"
	"net/url"
	"strings"
)

// forwardedURLs are the fields, folded, from which some upstreams take the path
// of a request, whatever its request line says: IIS URL Rewrite and what was
// written to run behind it, Symfony, Laminas, Yii (CVE-2018-14773).
var forwardedURLs = [...]string{"x-original-url", "x-rewrite-url", "x-original-uri", "x-forwarded-uri"}

// maxForwarded bounds how many URLs, and prefixes of paths, are read in the fields of a
// request. Who sends more is up to something.
const maxForwarded = 16

// everyForwardedURL reports whether a condition holds for each URL that the
// fields of a request tell the upstream to read in the place of its own, and whether
// they are few.
func everyForwardedURL(header http.Header, holds func(value string) bool) bool {
	return everyForwarded(header, forwardedURLs[:], holds)
}

// everyForwarded reports whether a condition holds for each value of the fields of some
// names, which are folded, and whether they are few.
func everyForwarded(header http.Header, names []string, holds func(value string) bool) bool {
	left := maxForwarded
	for name, values := range header {
		if !isFolded(name, names) {
			continue
		}
		for _, value := range values {
			if left--; left < 0 || !holds(value) {
				return false
			}
		}
	}
	return true
}

// everyListedURL is everyForwardedURL, also for each later URL where a field is read as
// a list.
func everyListedURL(header http.Header, holds func(value string) bool) bool {
	left := maxForwarded
	return everyForwardedURL(header, func(value string) bool {
		if !holds(value) {
			return false
		}
		for member := range laterURLs(value) {
			if left--; left < 0 || !holds(member) {
				return false
			}
		}
		return true
	})
}

// matchForwarded reports whether all that a request may be read as by its
// forwarded-URL fields is public, too. A front proxy that sets them truthfully
// changes nothing.
//
// Attack: GET /healthz with X-Original-URL: /admin, which needs no token here,
// and is /admin for the upstream.
func (p *publicPaths) matchForwarded(header http.Header) bool {
	return everyListedURL(header, func(value string) bool {
		u, err := url.ParseRequestURI(value)
		return err == nil && u.Opaque == "" && p.match(u)
	})
}

// resemblesForwarded reports whether some reader could take a request for one to
// the endpoint by its forwarded-URL fields.
//
// Attack: DELETE /x with X-Rewrite-URL: /v1/auth/session goes past the gate to an
// upstream that ends its own session, while every token stays good.
func (e endpoint) resemblesForwarded(header http.Header) bool {
	return !everyListedURL(header, func(value string) bool { return !e.resemblesURL(value) })
}

// resemblesURL is resembles for a path or an absolute URL, which may be the first one
// in a list.
//
// Attack: DELETE /x with X-Original-URL: /v1/auth/session?u=https://h/, or with
// /v1/auth/a,b/../session, in which a reader who finds a scheme or a list there finds
// another path.
func (e endpoint) resemblesURL(value string) bool {
	path := pathOf(value)
	if e.resembles(strings.Trim(path, " \t")) {
		return true
	}
	first, _, list := strings.Cut(path, ",")
	return list && e.resembles(strings.Trim(first, " \t"))
}

// pathOf takes the scheme and the host off an absolute URL. It is empty if nothing is
// left.
func pathOf(value string) string {
	// What parts the scheme from the host may be written with backslashes, too.
	slashes := slashed(value)
	scheme, _, absolute := strings.Cut(slashes, "://")
	if !absolute || strings.ContainsAny(scheme, "/?#,") {
		return value
	}
	host := len(scheme) + len("://")
	path := strings.IndexByte(slashes[host:], '/')
	if path < 0 {
		return ""
	}
	return value[host+path:]
}

// laterURLs iterates over the URLs after the first in a field that is read as a
// list, which is how several fields become one. A comma before anything else is
// part of a URL.
func laterURLs(value string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		_, rest, more := strings.Cut(value, ",")
		if !more {
			return
		}
		for member := range splitList(rest) {
			isURL := member[0] == '/' || member[0] == '\\' || strings.Contains(member, "://")
			if isURL && !yield(member) {
				return
			}
		}
	}
}
