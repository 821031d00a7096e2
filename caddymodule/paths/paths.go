// Package paths reports which requests some reader behind the gate could read as requests
// to a given path, and which paths are public under every reading.
//
// Proxies, frameworks and file systems disagree on the meaning of a path: how often it is
// decoded, what `..`, `;`, `\` and blanks do to it, and whether letter case counts. If one
// of them reads a request as one to the gate's own paths, the request must not pass the
// gate as something else. So the package refuses a little more than any reader accepts, by
// one rule that is linear in the path (Path.Match).
package paths

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"
)

// Options are the options of a Path.
type Options struct {
	// Children also matches every path of one segment below the path. Default: false.
	Children bool
	// Slash permits one slash at the end of the path, which is part of its canonical
	// spelling. Default: false.
	Slash bool
}

// Path is a path of the configuration that the gate serves itself. It may be used
// concurrently.
type Path struct {
	path     string
	segments []string
	children bool
}

// New returns a Path. The text must be in canonical form: absolute, clean, and without
// characters that have to be encoded.
func New(text string, o Options) (*Path, error) {
	bare, ending := text, "does not end with one"
	if o.Slash {
		bare, ending = strings.TrimSuffix(text, "/"), "ends with one at most"
	}
	if !strings.HasPrefix(bare, "/") || bare == "/" || path.Clean(bare) != bare ||
		(&url.URL{Path: bare}).EscapedPath() != bare || strings.ContainsAny(bare, ";*") {
		return nil, fmt.Errorf("%q must be a path such as /v1/auth/session: it begins with a slash and %s, "+
			"and it holds no //, no dot segments, and none of * ; ? # %% or other characters to encode", text, ending)
	}
	return &Path{path: text, segments: strings.Split(bare[1:], "/"), children: o.Children}, nil
}

// String returns the path as it was configured.
func (p *Path) String() string { return p.path }

// Match is the relation of a request to a Path.
type Match uint8

const (
	// Other: no reader reads the request as one to the path, or guards excludes it.
	Other Match = iota
	// Exact: the request is to the path in its canonical spelling.
	Exact
	// Ambiguous: guards includes the request, and some reader behind the gate could read it
	// as one to the path. It must not go upstream. Such a reader would do the gate's work:
	// end a session that continues here, or refresh a revoked one.
	Ambiguous
)

// Original is a request as it was before any handler rewrote it. Its URL is nil if that is
// unknown; then nothing was rewritten.
type Original struct {
	Method string
	URL    *url.URL
}

// Guards reports whether other spellings of a path must not be forwarded for a
// method and URL.
type Guards func(method string, u *url.URL, r *http.Request) bool

// Match classifies a request. Requests that guards excludes are Exact or Other, never
// Ambiguous. The path is the path that the handler sees, after rewrites. If the client sent
// another path, that path must not have been this one.
//
// A request is Ambiguous if its path is not Exact, and one of the following holds for its
// current path, its original path, or a field that names another path (IsOverride):
//
//   - Readers agree on the segments, and those are the wanted ones, except for letter case
//     and a format at the end (`.json`, a dot).
//   - Readers disagree on the segments, and the wanted segments occur in it in order, at
//     any depth. Readers disagree if the decoded path holds `..`, `;`, `?`, `#` or a
//     control character, begins with `//`, or has a segment that is a script or for the
//     server itself (isSpecial).
//
// Attack: DELETE //v1/auth/session, or %2e, or ;x, or a rewrite before the gate. The
// request passes the gate, and an upstream that cleans the path ends its own session, while
// every token stays valid.
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

// Is reports whether a URL has exactly this path, in its canonical spelling.
func (p *Path) Is(u *url.URL) bool {
	if p.children {
		_, ok := p.Child(u)
		return ok
	}
	return u.Path == p.path && u.RawPath == ""
}

// Child returns the one segment of a URL's path below this one, decoded once.
//
// Attack: a segment that some reader drops, such as %2e%2e or `;a`, or a segment that holds
// more segments and dot-dots. Such a path may still be Ambiguous for this path or its
// children (Match), and then never goes upstream.
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

// vanishes reports whether some reader drops the whole decoded segment, so that the request
// is one to the path itself.
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

// Resembles reports whether some reader could read a request as one to this path, whatever
// its method: by its current path, its original path, or a field.
//
// Attack: POST /?/oauth/token, which CodeIgniter routes by its query.
func (p *Path) Resembles(r *http.Request, original Original) bool {
	return p.couldBe(r.URL.EscapedPath()) ||
		p.isQueried(r.URL.RawQuery) ||
		original.URL != nil && !samePath(original.URL, r.URL) && p.couldBe(original.URL.EscapedPath()) ||
		p.isNamed(r)
}

// Overlaps reports whether some reader could confuse two configured paths. Formats do not
// count: /oauth/token and /oauth/token.json can both be configured.
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

// samePath reports whether two URLs have the same path in the same spelling.
func samePath(a, b *url.URL) bool { return a.Path == b.Path && a.RawPath == b.RawPath }
