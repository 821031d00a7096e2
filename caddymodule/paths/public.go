package paths

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Public holds the paths that need no token: exact paths, and prefixes that end in /*. It
// may be used concurrently.
type Public struct {
	exact, prefixes []string // few, so a search is faster than a map
}

// NewPublic returns the public paths for these patterns.
func NewPublic(patterns []string) (*Public, error) {
	p := new(Public)
	for _, pattern := range patterns {
		prefix, isPrefix := strings.CutSuffix(pattern, "*")
		if isPrefix && !strings.HasSuffix(prefix, "/") || !strings.HasPrefix(pattern, "/") ||
			strings.ContainsAny(prefix, `*?#%;\`) || cleaned(prefix) != prefix {
			return nil, fmt.Errorf("public %q must be a clean path such as /healthz, "+
				"or a prefix such as /assets/*", pattern)
		}
		if isPrefix {
			p.prefixes = append(p.prefixes, prefix)
		} else {
			p.exact = append(p.exact, pattern)
		}
	}
	return p, nil
}

// Match reports whether a request is for a public path, also by every field that names
// another path (IsOverride). The gate has already deleted these fields unless a trusted
// proxy sent them.
//
// Attack: COPY /assets/evil with Destination: /private/page (RFC 4918 §10.3). An upstream
// with WebDAV writes to a path that needs a token, or copies everything below one. So a
// request that names a destination is not public.
func (p *Public) Match(r *http.Request) bool {
	return p.MatchURL(r.URL) && len(r.Header["Destination"]) == 0 && EveryNamed(r, p.MatchURL)
}

// MatchURL reports whether a URL is public under every reading of its path. Letter case
// counts.
//
// Attack: /assets/../admin, /assets/..%2fadmin or /assets/..;/admin is public by the
// prefix, and another path for an upstream that cleans or decodes it. A path on which
// readers could disagree is not public; with a token it still goes upstream. Cleaning can
// only change the other paths by removing doubled slashes, which never moves a path out of
// a prefix. A query that begins with a slash is another path for some applications
// (CodeIgniter).
func (p *Public) MatchURL(u *url.URL) bool {
	return p.has(u.Path) && !isDisputed(u) && !strings.HasPrefix(u.RawQuery, "/")
}

func (p *Public) has(path string) bool {
	if slices.Contains(p.exact, path) {
		return true
	}
	for _, prefix := range p.prefixes {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// isDisputed reports whether readers disagree on a path once it is decoded. They also
// disagree on dot segments: after /assets/../a//../assets/x one reader is in /assets. A
// reader that counts empty segments is in /a/assets. Decoders of overlong forms read octets
// that are not UTF-8 as dots and slashes.
func isDisputed(u *url.URL) bool {
	for i := range len(u.Path) {
		if c := u.Path[i]; c < ' ' || c == 0x7f || c == '%' || c == ';' || c == '\\' || c == '?' || c == '#' {
			return true
		}
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment = strings.TrimRight(segment, " "); segment == "." || segment == ".." {
			return true // for Windows, even if blanks follow
		}
	}
	raw := strings.ToLower(u.RawPath)
	return strings.Contains(raw, "%2f") || strings.Contains(raw, "%2e") || !utf8.ValidString(u.Path)
}

// cleaned is path.Clean, except that it keeps a slash at the end.
func cleaned(p string) string {
	clean := path.Clean(p)
	if strings.HasSuffix(p, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}
