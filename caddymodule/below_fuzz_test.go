package caddymodule

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/paths"
	"github.com/sessiongate/sessiongate/caddymodule/paths/pathstest"
)

// Attack: a DELETE that is an ordinary request for the gate, and that a reader behind it
// reads as one to end one session, or all. If any of the readers reads it as a request to
// the endpoint of all sessions, or to a path below it, the gate must do the same, or refuse
// it.
func FuzzBelow(f *testing.F) {
	for _, text := range pathstest.Misspellings {
		f.Add(strings.Replace(text, "session", "sessions/x", 1))
		f.Add(strings.Replace(text, "session", "sessions", 1))
	}
	for _, rest := range belowMisspellings {
		f.Add(sessionsPath + rest)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("DELETE "+sessionsPath+"/{id...}", func(http.ResponseWriter, *http.Request) {})
	matcher := caddyhttp.MatchPath{sessionsPath + "/*", sessionsPath}
	wholePath, children := mustPath(f, sessionsPath, paths.Options{}), mustPath(f, sessionsPath, paths.Options{Children: true})
	f.Fuzz(func(t *testing.T, text string) {
		r := readDelete(text)
		if r == nil {
			return
		}
		all, one := wholePath.Match(r, paths.Original{}, isDelete), children.Match(r, paths.Original{}, isDelete)
		if id, ok := children.Child(r.URL); (one == paths.Exact) != ok || ok && (id == "" || id == "." || id == "..") {
			t.Errorf("%q is %d, and the id in it %q, %t", text, one, id, ok)
		}
		if all != paths.Other || one != paths.Other {
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
				if strings.HasPrefix(p+"/", sessionsPath+"/") {
					t.Errorf("%q is Other, and %q for the reader %q", text, p, reader)
				}
			}
		}
	})
}
