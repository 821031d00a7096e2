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

// everyForwardedURL reports whether a condition holds for each URL that the
// fields of a request tell the upstream to read in the place of its own.
func everyForwardedURL(header http.Header, holds func(value string) bool) bool {
	for name, values := range header {
		if !isForwardedURL(name) {
			continue
		}
		for _, value := range values {
			if !holds(value) {
				return false
			}
		}
	}
	return true
}

func isForwardedURL(name string) bool {
	for _, folded := range forwardedURLs {
		if foldedEqual(name, folded) {
			return true
		}
	}
	return false
}

// matchForwarded reports whether all that a request may be read as by its
// forwarded-URL fields is public, too. A front proxy that sets them truthfully
// changes nothing.
//
// Attack: GET /healthz with X-Original-URL: /admin, which needs no token here,
// and is /admin for the upstream.
func (p *publicPaths) matchForwarded(header http.Header) bool {
	return everyForwardedURL(header, func(value string) bool {
		u, err := url.ParseRequestURI(value)
		if err != nil || u.Opaque != "" || !p.match(u) {
			return false
		}
		for member := range laterURLs(value) {
			if u, err := url.ParseRequestURI(member); err != nil || !p.match(u) {
				return false
			}
		}
		return true
	})
}

// resemblesForwarded reports whether some reader could take a request for one to
// the endpoint by its forwarded-URL fields.
//
// Attack: DELETE /x with X-Rewrite-URL: /v1/auth/session goes past the gate to an
// upstream that ends its own session, while every token stays good.
func (e endpoint) resemblesForwarded(header http.Header) bool {
	return !everyForwardedURL(header, func(value string) bool {
		if e.resemblesURL(value) {
			return false
		}
		for member := range laterURLs(value) {
			if e.resemblesURL(member) {
				return false
			}
		}
		return true
	})
}

// resemblesURL is resembles for a path or an absolute URL.
func (e endpoint) resemblesURL(value string) bool {
	value, _, _ = strings.Cut(value, ",")
	// What parts the scheme from the host may be written with backslashes, too.
	slashes := strings.ReplaceAll(value, `\`, "/")
	if scheme := strings.Index(slashes, "://"); scheme >= 0 {
		host := scheme + len("://")
		path := strings.IndexByte(slashes[host:], '/')
		if path < 0 {
			return false
		}
		value = value[host+path:]
	}
	return e.resembles(strings.Trim(value, " \t"))
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
