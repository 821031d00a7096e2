package caddymodule

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// defaultEndpoint is the path of the session API.
const defaultEndpoint = "/v1/auth/session"

// endpoint is the path at which sessions are ended.
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
	// misspelt is a DELETE whose path could be taken for the endpoint by
	// somebody behind the gate, who would end a session that goes on here.
	misspelt
)

// of tells what a request claims. The path that counts is the one that the
// handler sees, after rewrites; the one that the client sent must not have been
// the endpoint unless this one is.
//
// Attack: DELETE //v1/auth/session, or %2e, or ;x, or with a rewrite before the
// gate, goes past the gate to an upstream that cleans the path and ends its own
// session, while every token stays good (P52, P53).
func (e endpoint) of(r *http.Request) claim {
	original, rewritten := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	rewritten = rewritten && original.URL != nil
	deletes := r.Method == http.MethodDelete
	if !deletes && (!rewritten || original.Method != http.MethodDelete) {
		if e.is(r.URL) {
			return exact
		}
		return elsewhere
	}
	switch {
	case deletes && e.is(r.URL):
		return exact
	case e.resembles(r.URL.EscapedPath()), rewritten && e.resembles(original.URL.EscapedPath()), e.resemblesForwarded(r.Header):
		return misspelt
	}
	return elsewhere
}

// is reports whether a URL's path is the endpoint, in its one spelling.
func (e endpoint) is(u *url.URL) bool { return u.Path == string(e) && u.RawPath == "" }

// resembles reports whether some reader could take an escaped path for the
// endpoint.
//
// Attack: DELETE //x/v1/auth/session, in which readers that resolve the target as
// a reference see a host and the endpoint (RFC 3986 §4.2).
func (e endpoint) resembles(escaped string) bool {
	if strings.EqualFold(canonical(escaped), string(e)) {
		return true
	}
	decoded := decodePercent(escaped)
	rest := strings.TrimLeft(decoded, `/\`)
	if len(decoded) < len(rest)+2 {
		return false
	}
	at := strings.IndexAny(rest, `/\`)
	return at >= 0 && strings.EqualFold(canonical(rest[at:]), string(e))
}

// canonical is what a path becomes under every reading of it at once: decoded
// until nothing is left to decode, cut at NUL and where a query or a fragment
// would begin, backslashes as slashes, parameters and blanks at the end of
// segments dropped, and cleaned.
func canonical(escaped string) string {
	p := decodePercent(escaped)
	if end := strings.IndexAny(p, "\x00?#"); end >= 0 {
		p = p[:end]
	}
	segments := strings.Split(strings.ReplaceAll(p, `\`, "/"), "/")
	for i, segment := range segments {
		segment, _, _ = strings.Cut(segment, ";")
		segments[i] = strings.TrimRightFunc(segment, func(r rune) bool { return r <= ' ' || r == 0x7f })
	}
	return path.Clean("/" + strings.Join(segments, "/"))
}

// decodePercent decodes each %XX that is one, and each that comes of it, until
// there is none; what is none it leaves, as lenient readers do.
//
// Invariant 12 (DESIGN): it takes one pass. An octet that completes an escape is
// decoded at once, because %252525… in as many passes as it has levels would
// cost a second of CPU a request.
func decodePercent(p string) string {
	if !strings.Contains(p, "%") {
		return p
	}
	decoded := make([]byte, 0, len(p))
	for i := range len(p) {
		decoded = append(decoded, p[i])
		for at := len(decoded) - 3; at >= 0 && decoded[at] == '%'; at = len(decoded) - 3 {
			octet, err := strconv.ParseUint(string(decoded[at+1:]), 16, 8)
			if err != nil {
				break
			}
			decoded = append(decoded[:at], byte(octet))
		}
	}
	return string(decoded)
}
