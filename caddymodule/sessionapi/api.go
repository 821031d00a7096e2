package sessionapi

import (
	"log/slog"
	"net/http"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/paths"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// Options are what an API needs. Caller, Hub, Logger and Refuse are required.
type Options struct {
	// Caller says who calls.
	Caller *caller.Reader
	// Origins are those whose pages may call. Default: none.
	Origins caller.Origins
	// Hub revokes, and knows the sessions.
	Hub *hub.Hub
	// Children is the path below which one segment is the id of a session, for OneSession.
	Children *paths.Path
	// AdminScope is the scope whose holders may revoke the session of any subject of their
	// issuer. Default: none.
	AdminScope string
	// Logger is told why the store did not answer.
	Logger *slog.Logger
	// Refuse writes denials.
	Refuse reply.Refuse
}

// API serves the sessions of callers. Its methods are for requests to one path each. They
// report whether they served the request; the gate guards every other like all requests. They
// may be called concurrently.
type API struct{ o Options }

// New returns an API.
func New(o Options) *API { return &API{o} }

// Session answers DELETE of the caller's session, or of the one that the body names, and
// preflights for it. It answers 401 to every caller without a good token, 404 if the session
// is unknown, of somebody else or revoked already, and 503 if the revocation is not confirmed.
func (a *API) Session(w http.ResponseWriter, r *http.Request) (served bool, err error) {
	switch {
	case caller.IsPreflight(r):
		return true, a.o.Origins.Preflight(w, r, http.MethodDelete)
	case r.Method == http.MethodDelete:
		return true, a.deleteSession(w, r, func() (string, *reply.Denial) { return readTarget(w, r) })
	}
	return false, nil
}

// OneSession answers DELETE of the session whose id is the last segment of the path
// (Options.Children), by the rules of Session.
func (a *API) OneSession(w http.ResponseWriter, r *http.Request) (served bool, err error) {
	switch {
	case caller.IsPreflight(r):
		return true, a.o.Origins.Preflight(w, r, http.MethodDelete)
	case r.Method == http.MethodDelete:
		return true, a.deleteSession(w, r, func() (string, *reply.Denial) { return a.readSegment(w, r) })
	}
	return false, nil
}

// Sessions answers GET, which lists the caller's sessions, DELETE, which revokes all of them,
// or all others with ?except=current, and preflights for both.
func (a *API) Sessions(w http.ResponseWriter, r *http.Request) (served bool, err error) {
	switch {
	case caller.IsPreflight(r):
		return true, a.o.Origins.Preflight(w, r, "GET, DELETE")
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		return true, a.listSessions(w, r)
	case r.Method == http.MethodDelete:
		return true, a.deleteSessions(w, r)
	}
	return false, nil
}
