package caddymodule

import (
	"fmt"
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// own is a path of the configuration that does not simply go upstream.
type own struct {
	endpoint
	// method is the one of which no other spelling of the path goes upstream.
	method string
	// serve answers a request to the path, or reports that it is guarded like
	// every other.
	serve func(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) (served bool, err error)
}

// prepareOwn lists the paths of the configuration. No two of them may be one.
func (g *Gate) prepareOwn() error {
	g.own = append(g.own, own{endpoint(g.Endpoint), http.MethodDelete, g.serveEndpoint})
	if g.SessionsEndpoint != "" {
		g.own = append(g.own,
			own{endpoint(g.SessionsEndpoint), http.MethodDelete, g.serveSessions},
			own{below(g.SessionsEndpoint), http.MethodDelete, g.serveOneOfSessions})
	}
	if g.BackchannelLogout != "" {
		g.own = append(g.own, own{endpoint(g.BackchannelLogout), http.MethodPost, g.serveLogout})
	}
	for _, path := range g.TokenEndpoint {
		g.own = append(g.own, own{endpoint(path), http.MethodPost, g.serveToken})
	}
	g.outlived = new(sync.Once)
	for i, path := range g.own {
		for _, before := range g.own[:i] {
			if path.resembles(string(before.endpoint)) || before.resembles(string(path.endpoint)) {
				return fmt.Errorf("checking session_gate: %q and %q are one path to some readers; use another for one of them",
					string(before.endpoint), string(path.endpoint))
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
		switch path := &g.own[i]; path.claimed(r, before, path.method) {
		case exact:
			return path.serve(w, r, next)
		case misspelt:
			return true, denySpelling.write(w, r)
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
