package caddymodule

import (
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// own is a path of the configuration that does not simply go upstream.
type own struct {
	endpoint
	counts counting
	// serve answers a request to the path, or reports that it is guarded like
	// every other.
	serve func(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) (served bool, err error)
}

// prepareOwn lists the paths of the configuration. No two of them may be one.
func (g *Gate) prepareOwn() error {
	g.own = append(g.own, own{endpoint(g.Endpoint), isDelete, g.serveEndpoint})
	if g.SessionsEndpoint != "" {
		g.own = append(g.own,
			own{endpoint(g.SessionsEndpoint), isDelete, g.serveSessions},
			own{below(g.SessionsEndpoint), isDelete, g.serveOneOfSessions})
	}
	if g.BackchannelLogout != "" {
		g.own = append(g.own, own{endpoint(g.BackchannelLogout), isPost, g.serveLogout})
	}
	// The longest first: one of them may be another with a format.
	for _, path := range slices.SortedFunc(slices.Values(g.TokenEndpoint), func(a, b string) int { return len(b) - len(a) }) {
		g.own = append(g.own, own{withFormats(path), mayGrant, g.serveToken})
	}
	g.outlived = new(sync.Once)
	for i, path := range g.own {
		for _, before := range g.own[:i] {
			one, other := before.exact(), path.exact()
			if endpoint(one).resembles(other) || endpoint(other).resembles(one) {
				return fmt.Errorf("checking session_gate: %q and %q are one path to some readers; use another for one of them", one, other)
			}
		}
	}
	return nil
}

// serveOwn answers a request to a path of the gate's own, and reports whether it
// did.
func (g *Gate) serveOwn(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) (served bool, err error) {
	before := originalOf(r)
	for i := range g.own {
		switch path := &g.own[i]; path.claimed(r, before, path.counts) {
		case exact:
			return path.serve(w, r, next)
		case misspelt:
			return true, denySpelling.write(w, r)
		case elsewhere:
			// Attack: GET /oauth/token.json over HTTP/3, with a grant in a body whose
			// length is not said. A page is had without one.
			if mayHaveBody(r) && path.hasFormats() && path.misspells(r, before) {
				dropBody(r)
			}
		}
	}
	return false, nil
}

// serveEndpoint answers DELETE of a session, and browsers that ask whether they may
// send it.
func (g *Gate) serveEndpoint(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) (bool, error) {
	switch {
	case isPreflight(r):
		return true, g.origins.preflight(w, r, http.MethodDelete, g.Token.Cookie != "")
	case r.Method == http.MethodDelete:
		return true, g.serveSession(w, r)
	}
	return false, nil
}
