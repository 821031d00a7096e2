// Package paths reports whether some reader behind the gate could take a request
// for one to a given path, and which paths are public under every reading.
//
// Proxies, frameworks and file systems disagree on the meaning of a path: how often it
// is decoded, what `..`, `;`, `\` and blanks do to it, and whether letter case counts.
// If one of them takes a request for one of the gate's own paths, the request must not
// pass the gate as something else. So the package refuses a little more than any reader
// accepts, by one rule that is linear in the path (Path.Match).
package paths

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"
)

// Options say what a Path matches.
type Options struct {
	// Children: the path matches every path of one segment below it.
	Children bool
}

// Path is a path of the configuration that the gate serves itself. It may be used
// concurrently.
type Path struct {
	path     string
	segments []string
	children bool
}

// New returns a Path. The text must be in the one spelling that is compared: absolute,
// clean, and without anything that has to be encoded.
func New(text string, o Options) (*Path, error) {
	if !strings.HasPrefix(text, "/") || text == "/" || path.Clean(text) != text ||
		(&url.URL{Path: text}).EscapedPath() != text || strings.ContainsAny(text, ";*") {
		return nil, fmt.Errorf("%q must be a path such as /v1/auth/session: it begins with a slash and does not end with one, "+
			"and it holds no //, no dot segments, and none of * ; ? # %% or other characters to encode", text)
	}
	return &Path{path: text, segments: strings.Split(text[1:], "/"), children: o.Children}, nil
}

// String is the path as it was configured.
func (p *Path) String() string { return p.path }

// Match says how a request relates to a Path.
type Match uint8

const (
	// Other is a request that no reader takes for one to the path, or one that is
	// not guarded.
	Other Match = iota
	// Exact is a request to the path in its one spelling.
	Exact
	// Ambiguous is a guarded request that some reader behind the gate could take for
	// one to the path. It must not go upstream. Such a reader would do the gate's work:
	// end a session that goes on here, or refresh a revoked one.
	Ambiguous
)

// Original is a request as it was before handlers that rewrite. Its URL is nil if that
// is not known; then nothing was rewritten.
type Original struct {
	Method string
	URL    *url.URL
}

// Guards reports whether other spellings of a path must not be forwarded for a
// method and URL.
type Guards func(method string, u *url.URL, r *http.Request) bool

// Match classifies a request. Requests that guards excludes are Exact or Other, never
// Ambiguous. The path that counts is the one that the handler sees, after rewrites. If
// that path is another one, the path that the client sent must not have been this one.
//
// A request is Ambiguous by its current or original path, or by a field that names
// another one (IsOverride), if the path is not Exact and either
//
//   - readers agree on the segments, and those are the wanted ones, letter case and
//     a format at the end (`.json`, a dot) aside; or
//   - readers disagree on the segments, because once it is decoded the path holds
//     `..`, `;`, `?`, `#` or a control character, begins with `//`, or has a segment
//     that is a script or for the server itself (isSpecial); and the wanted segments
//     occur in it in order, at any depth.
//
// Attack: DELETE //v1/auth/session, or %2e, or ;x, or a rewrite before the gate: the
// request passes the gate, and an upstream that cleans the path ends its own session,
// while every token stays valid.
func (p *Path) Match(r *http.Request, original Original, guards Guards) Match {
	matters := guards(r.Method, r.URL, r)
	same := original.URL == nil || original.Method == r.Method && original.URL.RawQuery == r.URL.RawQuery
	if !matters && (same || !guards(original.Method, original.URL, r)) {
		if p.Is(r.URL) {
			return Exact
		}
		return Other
	}
	switch {
	case p.Is(r.URL) && (matters || original.Method == r.Method):
		return Exact
	case p.Resembles(r, original):
		return Ambiguous
	}
	return Other
}

// Is reports whether a URL's path is this one, in its one spelling.
func (p *Path) Is(u *url.URL) bool {
	if p.children {
		_, ok := p.Child(u)
		return ok
	}
	return u.Path == p.path && u.RawPath == ""
}

// Child returns the one segment of a URL's path below this one, decoded once.
//
// Attack: a segment that is none for some reader, such as %2e%2e, `;a`, or one that
// holds more segments and takes them back. It may still resemble this path, or one
// below it (Match), and then never goes upstream.
func (p *Path) Child(u *url.URL) (segment string, ok bool) {
	if !strings.HasPrefix(u.Path, p.path) {
		return "", false // the usual case, and fast
	}
	escaped, ok := strings.CutPrefix(u.EscapedPath(), p.path+"/")
	if !ok || strings.Contains(escaped, "/") || vanishes(slashed(decodePercent(escaped))) {
		return "", false
	}
	segment, err := url.PathUnescape(escaped)
	return segment, err == nil && segment != ".."
}

// vanishes reports whether some reader drops all of a decoded segment, so that the
// request means the path itself.
func vanishes(decoded string) bool {
	first := true
	for part := range strings.SplitSeq(decoded, "/") {
		if end := strings.IndexFunc(part, func(c rune) bool { return c < utf8.RuneSelf && cutsPaths(byte(c)) }); end >= 0 {
			part = part[:end]
		}
		part = strings.TrimRight(part, " ")
		if first && (part == "" || part == ".") || !first && part == ".." {
			return true
		}
		first = false
	}
	return false
}

// Resembles reports whether some reader could take a request for one to this path,
// whatever its method: by its current path, its original one, or one in a field.
//
// Attack: POST /?/oauth/token, which CodeIgniter routes by its query.
func (p *Path) Resembles(r *http.Request, original Original) bool {
	return p.couldBe(r.URL.EscapedPath()) ||
		p.isQueried(r.URL.RawQuery) ||
		original.URL != nil && !samePath(original.URL, r.URL) && p.couldBe(original.URL.EscapedPath()) ||
		p.isNamed(r)
}

// Overlaps reports whether some reader could take one of two paths of the
// configuration for the other. Formats do not count: /oauth/token and
// /oauth/token.json can both be named.
func (p *Path) Overlaps(other *Path) bool {
	return p.equals(other.example(), false) || other.equals(p.example(), false)
}

// example returns a path that matches this Path.
func (p *Path) example() string {
	if p.children {
		return p.path + "/x"
	}
	return p.path
}

// samePath reports whether two URLs have one path in one spelling.
func samePath(a, b *url.URL) bool { return a.Path == b.Path && a.RawPath == b.RawPath }
