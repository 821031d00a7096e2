package caddymodule

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// defaultEndpoint is the path of the session API.
const defaultEndpoint = "/v1/auth/session"

// endpoint is a path that the gate serves itself.
type endpoint string

// checkPath refuses a path of the configuration that is not in the one spelling
// that is compared: absolute, clean, and without anything to encode.
func checkPath(field, p string) error {
	if !strings.HasPrefix(p, "/") || p == "/" || path.Clean(p) != p || (&url.URL{Path: p}).EscapedPath() != p ||
		strings.ContainsAny(p, ";*") {
		return fmt.Errorf("checking session_gate: %s %q must be an absolute, clean path such as %s", field, p, defaultEndpoint)
	}
	return nil
}

// claim says whether a request is for the endpoint.
type claim uint8

const (
	elsewhere claim = iota
	exact
	// misspelt is a request whose path could be taken for the endpoint by
	// somebody behind the gate, who would do what the gate has to do: end a
	// session that goes on here, or renew one that is over.
	misspelt
)

// of tells whether a request claims to be a DELETE of the endpoint.
func (e endpoint) of(r *http.Request) claim { return e.claimed(r, originalOf(r), isDelete) }

// counting tells of which requests, by their method and URL, no other spelling of a
// path goes upstream.
type counting func(method string, u *url.URL, r *http.Request) bool

func isDelete(method string, _ *url.URL, _ *http.Request) bool { return method == http.MethodDelete }

func isPost(method string, _ *url.URL, _ *http.Request) bool { return method == http.MethodPost }

// original is what a request was before handlers that rewrite. Its url is nil where
// that is not known, and then nothing was rewritten.
type original struct {
	method string
	url    *url.URL
}

func originalOf(r *http.Request) original {
	before, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	if !ok || before.URL == nil {
		return original{}
	}
	return original{before.Method, before.URL}
}

// claimed tells what a request claims, where only some count. Others are elsewhere,
// unless they are exact. The path that counts is the one that the handler sees, after
// rewrites; the one that the client sent must not have been the endpoint unless this
// one is.
//
// Attack: DELETE //v1/auth/session, or %2e, or ;x, or with a rewrite before the
// gate, goes past the gate to an upstream that cleans the path and ends its own
// session, while every token stays good (P52, P53).
func (e endpoint) claimed(r *http.Request, before original, counts counting) claim {
	matters := counts(r.Method, r.URL, r)
	same := before.url == nil || before.method == r.Method && before.url.RawQuery == r.URL.RawQuery
	if !matters && (same || !counts(before.method, before.url, r)) {
		if e.is(r.URL) {
			return exact
		}
		return elsewhere
	}
	switch {
	case e.is(r.URL) && (matters || before.method == r.Method):
		return exact
	case e.misspells(r, before):
		return misspelt
	}
	return elsewhere
}

// misspells reports whether some reader could take a request for one to the endpoint.
func (e endpoint) misspells(r *http.Request, before original) bool {
	return e.resembles(r.URL.EscapedPath()) ||
		before.url != nil && !samePath(before.url, r.URL) && e.resembles(before.url.EscapedPath()) ||
		e.resemblesForwarded(r.Header) || e.resemblesStripped(r)
}

// is reports whether a URL's path is the endpoint, in its one spelling.
func (e endpoint) is(u *url.URL) bool {
	if path, isBelow := e.isBelow(); isBelow {
		_, ok := segment(u, path)
		return ok
	}
	return u.Path == e.exact() && u.RawPath == ""
}

// samePath reports whether two URLs have one path in one spelling.
func samePath(a, b *url.URL) bool { return a.Path == b.Path && a.RawPath == b.RawPath }

// resembles reports whether some reader could take an escaped path for the
// endpoint.
//
// Attack: DELETE //x/v1/auth/session, in which readers that resolve the target as
// a reference see a host and the endpoint (RFC 3986 §4.2).
func (e endpoint) resembles(escaped string) bool {
	if _, isBelow := e.isBelow(); !isBelow && isSimple(escaped) {
		return e.isSimply(escaped)
	}
	if resembles(escaped, string(e)) {
		return true
	}
	decoded := decodePercent(escaped)
	rest := strings.TrimLeft(decoded, `/\`)
	if len(decoded) < len(rest)+2 {
		return false
	}
	at := strings.IndexAny(rest, `/\`)
	return at >= 0 && resembles(rest[at:], string(e))
}
