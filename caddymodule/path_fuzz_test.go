package caddymodule

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/paths"
	"github.com/sessiongate/sessiongate/caddymodule/paths/pathstest"
)

// readDelete reads a request for a target as net/http does. It returns nil if net/http
// refuses the target.
func readDelete(target string) *http.Request {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("DELETE " + target + " HTTP/1.1\r\nHost: gate\r\n\r\n")))
	if err != nil || r.Method != http.MethodDelete {
		return nil
	}
	return r.WithContext(context.WithValue(context.Background(), caddy.ReplacerCtxKey, caddy.NewReplacer()))
}

// pathReadings returns the path that each reader behind the gate finds in a target.
func pathReadings(u *url.URL) map[string]string {
	all := map[string]string{
		"net/http": u.Path,
		"cleaned":  path.Clean("/" + u.Path),
		"caddy":    caddyhttp.CleanPath(u.Path, true),
	}
	// Not decoded, or decoded once, and once more by each further reader.
	decoded := u.EscapedPath()
	for _, times := range []string{"never", "once", "twice", "three times", "four times"} {
		for _, form := range []struct{ name, path string }{
			{"", decoded},
			{", overlong", pathstest.OverlongForms.Replace(decoded)},
			{", on Windows", strings.ReplaceAll(decoded, `\`, "/")},
			{", in C", strings.TrimRight(before(decoded, "\x00"), " \t\r\n")},
			{", without parameters", withoutParameters(decoded)},
			{", up to a parameter", before(decoded, ";")},
			{", up to a query", before(decoded, "?#")},
			{", without blanks", withoutBlanks(decoded)},
			{", without line breaks", withoutLineBreaks.Replace(decoded)},
			// Cleaned before it is decoded, as by one proxy in front of another.
			{", cleaned before", unescapedAsFarAsPossible(path.Clean("/" + decoded))},
		} {
			all["decoded "+times+form.name] = path.Clean("/" + form.path)
			all["decoded "+times+form.name+", by RFC 3986"] = withoutDots(form.path)
		}
		decoded = unescapedAsFarAsPossible(decoded)
	}
	// Tomcat and Jetty cut parameters off the segments first, and then decode.
	all["a servlet"] = path.Clean("/" + unescapedAsFarAsPossible(withoutParameters(u.EscapedPath())))
	return all
}

func before(p, ends string) string {
	if end := strings.IndexAny(p, ends); end >= 0 {
		return p[:end]
	}
	return p
}

// withoutDots removes dot segments as RFC 3986 §5.2.4 does, which counts empty segments.
func withoutDots(p string) string {
	var kept []string
	for segment := range strings.SplitSeq(strings.TrimPrefix(p, "/"), "/") {
		switch segment {
		case ".":
		case "..":
			kept = kept[:max(len(kept)-1, 0)]
		default:
			kept = append(kept, segment)
		}
	}
	return "/" + strings.Join(kept, "/")
}

// withoutBlanks removes the blanks that Windows removes from segments.
func withoutBlanks(p string) string {
	segments := strings.Split(p, "/")
	for i := range segments {
		segments[i] = strings.TrimRight(segments[i], " ")
	}
	return strings.Join(segments, "/")
}

// withoutLineBreaks removes the characters that a URL parser removes from a path (WHATWG
// URL).
var withoutLineBreaks = strings.NewReplacer("\t", "", "\r", "", "\n", "")

func unescapedAsFarAsPossible(p string) string {
	if decoded, err := url.PathUnescape(p); err == nil {
		return decoded
	}
	return p
}

func withoutParameters(p string) string {
	segments := strings.Split(p, "/")
	for i := range segments {
		segments[i], _, _ = strings.Cut(segments[i], ";")
	}
	return strings.Join(segments, "/")
}

// mustPath returns one of the gate's own paths.
func mustPath(tb testing.TB, text string, o paths.Options) *paths.Path {
	tb.Helper()
	p, err := paths.New(text, o)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// Attack: a DELETE that is an ordinary request for the gate, and that a reader behind it
// reads as one to end a session. If any of the readers reads it as a request to the
// endpoint, even with a format at the end, the gate must do the same, or refuse it.
func FuzzEndpoint(f *testing.F) {
	for _, text := range append(pathstest.Misspellings, defaultEndpoint, "*", "/%", "http://gate"+defaultEndpoint, "http:/v1/auth/session",
		"/v1/auth%C0%AFsession", "/v1/auth/%E0%80%AE/session", "/v1/auth/session?a;b", "/a/v1/auth/session", "/v1/auth/x/..%2fsession.a/.;b", "//gate/v1/auth/session") {
		f.Add(text)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("DELETE "+defaultEndpoint, func(http.ResponseWriter, *http.Request) {})
	matcher := caddyhttp.MatchPath{defaultEndpoint}
	endpoint := mustPath(f, defaultEndpoint, paths.Options{})
	f.Fuzz(func(t *testing.T, text string) {
		r := readDelete(text)
		if r == nil {
			return
		}
		match := endpoint.Match(r, paths.Original{}, isDelete)
		if (match == paths.Exact) != (r.URL.EscapedPath() == defaultEndpoint) {
			t.Errorf("%q is %d, and its path %q", text, match, r.URL.EscapedPath())
		}
		if match != paths.Other {
			return
		}
		if _, pattern := mux.Handler(r); pattern != "" {
			t.Errorf("%q is Other, and %q for http.ServeMux", text, pattern)
		}
		if matched, err := matcher.MatchWithError(r); matched || err != nil {
			t.Errorf("%q is Other, and Caddy's path matcher says %t, %v", text, matched, err)
		}
		for reader, p := range pathReadings(r.URL) {
			for _, p := range []string{p, strings.ToLower(p), strings.ToLower(strings.ToUpper(p))} {
				p = strings.TrimSuffix(p, "/")
				format, isEndpoint := strings.CutPrefix(p, defaultEndpoint)
				isEndpoint = isEndpoint && (format == "" || format[0] == '.' && !strings.Contains(format, "/"))
				if isEndpoint || strings.EqualFold(p, defaultEndpoint) {
					t.Errorf("%q is Other, and %q for the reader %q", text, p, reader)
				}
			}
		}
	})
}

// Attack: a path that is public for the gate, and guarded for a reader behind it. A public
// path must be public for each of the readers.
func FuzzPublicPaths(f *testing.F) {
	for _, text := range append(pathstest.Misspellings, "/assets/a", "/assets/../a", "/assets/%2e%2e/a", "/assets//..//a", "/healthz", "/assets/%252e%252e/%61",
		"/assets/%C0%AE%C0%AE/a", "/assets/..%20/a", "/assets/a?/../b", "/assets/..;/a", "/healthz?x", `/assets/..\a`, "/assets/%2e%2e%2fa", "/assets/%c3%a9", "http://gate/healthz",
		"/assets/", "//assets/a", "/assets//a") {
		f.Add(text)
	}
	public, err := paths.NewPublic([]string{"/healthz", "/assets/*"})
	if err != nil {
		f.Fatal(err)
	}
	named := caddyhttp.MatchPath{"/healthz", "/assets/*"}
	f.Fuzz(func(t *testing.T, text string) {
		r := readDelete(text)
		if r == nil || !public.Match(r) {
			return
		}
		if matched, err := named.MatchWithError(r); !matched || err != nil {
			t.Errorf("%q is public, and Caddy's path matcher says %t, %v", text, matched, err)
		}
		for reader, p := range pathReadings(r.URL) {
			if p != "/healthz" && !strings.HasPrefix(p+"/", "/assets/") {
				t.Errorf("%q is public, and %q for the reader %q", text, p, reader)
			}
		}
	})
}
