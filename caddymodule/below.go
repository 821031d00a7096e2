package caddymodule

import (
	"net/url"
	"strings"
)

// below is the endpoint that stands for every path of one segment below another
// path of the gate's own. Its text is a path that checkPath refuses, so that it is
// taken for no other.
func below(path string) endpoint { return endpoint(path + belowMark) }

const belowMark = "/*"

// isBelow reports whether the endpoint stands for all paths below one, and which.
func (e endpoint) isBelow() (path string, ok bool) { return strings.CutSuffix(string(e), belowMark) }

// segment returns the one segment of a URL's path below a path, decoded once.
//
// Attack: a segment in which readers disagree, such as %2e%2e, or one with more
// segments in it. What the gate does not take for one segment below the path is
// another spelling (endpoint.resembles), and never goes upstream.
func segment(u *url.URL, path string) (segment string, ok bool) {
	if !strings.HasPrefix(u.Path, path) {
		return "", false // nearly always, and at once
	}
	escaped, ok := strings.CutPrefix(u.EscapedPath(), path+"/")
	if !ok || escaped == "" || strings.Contains(escaped, "/") {
		return "", false
	}
	segment, err := url.PathUnescape(escaped)
	return segment, err == nil && segment != "." && segment != ".."
}
