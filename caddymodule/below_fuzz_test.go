package caddymodule

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// The attack: a DELETE that is for somebody behind the gate what ends one session,
// or all, and for the gate an ordinary request (P52). If any of the readers takes it
// for the endpoint of all sessions, or for one below it, so does the gate, or refuses
// it.
func FuzzBelow(f *testing.F) {
	for _, text := range misspellings {
		f.Add(strings.Replace(text, "session", "sessions/x", 1))
		f.Add(strings.Replace(text, "session", "sessions", 1))
	}
	for _, rest := range belowMisspellings {
		f.Add(sessionsPath + rest)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("DELETE "+sessionsPath+"/{id...}", func(http.ResponseWriter, *http.Request) {})
	matcher := caddyhttp.MatchPath{sessionsPath + "/*", sessionsPath}
	f.Fuzz(func(t *testing.T, text string) {
		r := readDelete(text)
		if r == nil {
			return
		}
		all, one := endpoint(sessionsPath).of(r), below(sessionsPath).of(r)
		if id, ok := segment(r.URL, sessionsPath); (one == exact) != ok || ok && (id == "" || id == "." || id == "..") {
			t.Errorf("%q is %d, and the id in it %q, %t", text, one, id, ok)
		}
		if all != elsewhere || one != elsewhere {
			return
		}
		if _, pattern := mux.Handler(r); pattern != "" {
			t.Errorf("%q is elsewhere, and %q for http.ServeMux", text, pattern)
		}
		if matched, err := matcher.MatchWithError(r); matched || err != nil {
			t.Errorf("%q is elsewhere, and Caddy's path matcher says %t, %v", text, matched, err)
		}
		for reader, p := range pathReadings(r.URL) {
			for _, p := range []string{p, strings.ToLower(p), strings.ToLower(strings.ToUpper(p))} {
				if strings.HasPrefix(p+"/", sessionsPath+"/") {
					t.Errorf("%q is elsewhere, and %q for the reader %q", text, p, reader)
				}
			}
		}
	})
}
