package sessionapi

import (
	"log/slog"
	"net/http"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/paths"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// Options are the options of an API. Caller, Hub, Logger and Refuse are required.
type Options struct {
	// Caller verifies who calls.
	Caller *caller.Reader
	// Origins are the origins whose pages may call. Default: none.
	Origins caller.Origins
	// Hub revokes, and knows the sessions.
	Hub *hub.Hub
	// Children is the path below which one segment is the id of a session, for OneSession.
	Children *paths.Path
	// AdminScope is the scope whose holders may revoke the session of any subject of their
	// issuer. Default: none.
	AdminScope string
	// Expire makes the browser forget the cookie of a token whose session is over. It is
	// called before the answer. Default: no cookie is expired.
	Expire func(http.ResponseWriter, *http.Request)
	// Logger logs why the store did not answer.
	Logger *slog.Logger
	// Refuse writes denials.
	Refuse reply.Refuse
	// Answered is told of the answers that refuse nothing. Default: nobody is.
	Answered reply.Answered
}

// API serves the sessions of callers. Each method serves requests to one path. It reports
// whether it served the request; if not, the gate guards it like any request. The methods
// may be called concurrently.
type API struct{ o Options }

// New returns an API.
func New(o Options) *API {
	if o.Answered == nil {
		o.Answered = func(*http.Request, string) {}
	}
	return &API{o}
}

// refuse writes a denial for a caller whose token is valid.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, bearer *token.Verified, deny *reply.Denial) error {
	return a.o.Refuse(w, r, caller.Of(bearer, deny, nil))
}

// preflight answers a preflight.
func (a *API) preflight(w http.ResponseWriter, r *http.Request, methods string) error {
	a.o.Answered(r, "")
	return a.o.Origins.Preflight(w, r, methods)
}

// Session answers DELETE of the caller's session, or of the session that the body names,
// and preflights for it. It answers 401 to every caller without a valid token. It answers
// 404 if the session is unknown, belongs to another subject, or is already revoked. It
// answers 503 if the revocation is not confirmed.
func (a *API) Session(w http.ResponseWriter, r *http.Request) (served bool, err error) {
	switch {
	case caller.IsPreflight(r):
		return true, a.preflight(w, r, http.MethodDelete)
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
		return true, a.preflight(w, r, http.MethodDelete)
	case r.Method == http.MethodDelete:
		return true, a.deleteSession(w, r, func() (string, *reply.Denial) { return a.readSegment(w, r) })
	}
	return false, nil
}

// Sessions answers GET, DELETE, and preflights for both. GET lists the caller's sessions.
// DELETE revokes all of them, or all others with ?except=current.
func (a *API) Sessions(w http.ResponseWriter, r *http.Request) (served bool, err error) {
	switch {
	case caller.IsPreflight(r):
		return true, a.preflight(w, r, "GET, DELETE")
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		return true, a.listSessions(w, r)
	case r.Method == http.MethodDelete:
		return true, a.deleteSessions(w, r)
	}
	return false, nil
}
