package caddymodule

import (
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// serveSessions answers GET, which lists the caller's sessions, DELETE, which ends
// them, and browsers that ask whether they may send it.
func (g *Gate) serveSessions(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) (bool, error) {
	switch {
	case caller.IsPreflight(r):
		return true, g.origins.Preflight(w, r, "GET, DELETE")
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		return true, g.listSessions(w, r)
	case r.Method == http.MethodDelete:
		return true, g.endSessions(w, r)
	}
	return false, nil
}

// serveOneOfSessions answers DELETE of one session below the endpoint of all, by
// the rules of the session endpoint.
func (g *Gate) serveOneOfSessions(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) (bool, error) {
	switch {
	case caller.IsPreflight(r):
		return true, g.origins.Preflight(w, r, http.MethodDelete)
	case r.Method == http.MethodDelete:
		return true, g.invalidate(w, r, func() (string, *reply.Denial) { return g.readSegment(w, r) })
	}
	return false, nil
}

// readSegment reads the id of a session out of the path.
func (g *Gate) readSegment(w http.ResponseWriter, r *http.Request) (sessionID string, deny *reply.Denial) {
	sessionID, ok := g.sessions.Child(r.URL)
	if !ok || !token.ValidID(sessionID) {
		return "", denySegment
	}
	return sessionID, refuseContent(w, r)
}

// refuseContent refuses a request with a body.
//
// Attack, or mistake: DELETE of all sessions with a body that names one, which is
// meant for the session endpoint. It must not end more than was meant.
func refuseContent(w http.ResponseWriter, r *http.Request) *reply.Denial {
	if r.ContentLength > 0 {
		return denyContent // without having the client send it first
	}
	if body, err := reply.ReadBody(w, r, 1); err != nil || len(body) > 0 {
		return denyContent
	}
	return nil
}

// endSessions revokes all sessions of the caller's subject, or all but its own.
//
// 200 means what it does at the session endpoint, for every token of the subject
// that was issued up to a second which has passed by then: whoever logs in right
// after it gets a token of a later one.
func (g *Gate) endSessions(w http.ResponseWriter, r *http.Request) error {
	g.origins.Allow(w, r)
	now := time.Now()
	bearer, source, deny := g.caller.Read(r, now)
	if crossSite := g.origins.CheckSite(r, source); crossSite != nil {
		return refuse(w, r, crossSite)
	}
	if deny != nil {
		return refuse(w, r, deny)
	}
	// Attack: end the sessions of somebody who has logged in again, with a token
	// that was revoked before. Also while the gate cannot tell: what it holds counts.
	if deny := g.caller.Check(bearer, now); deny.Is(reply.Revoked) {
		return refuse(w, r, deny)
	}
	revocation, deny := g.allOf(w, r, bearer)
	if deny == nil {
		deny = unconfirmedAll(g.endAll(r, bearer, revocation), revocation)
	}
	if deny != nil {
		return refuse(w, r, deny)
	}
	hub.AwaitAfter(r.Context(), revocation.NotBefore)
	return reply.JSON(w, http.StatusOK, struct {
		Message string `json:"message"`
	}{"Sessions invalidated successfully."})
}

// allOf makes the revocation that a request asks for: everything issued to the
// caller's subject up to now, of every session or of every other one.
//
// A token may have been issued by a clock that is ahead of this one (`leeway`), and
// then so are, most likely, the others of its issuer: the instant is not before the
// caller's own `iat`. What names tokens of up to that instant is kept as long as if
// it was made then, so that of two of them the later never expires sooner.
func (g *Gate) allOf(w http.ResponseWriter, r *http.Request, bearer *token.Verified) (revocation store.Revocation, deny *reply.Denial) {
	if bearer.Subject == "" {
		return revocation, denySubject
	}
	revocation.Kind, revocation.Key = store.KindSubject, bearer.Keys.Subject
	// Attack, or mistake: a query that means something else, such as ?Except=current.
	// It must not end more than was meant, so that no other is ignored.
	switch r.URL.RawQuery {
	case "":
	case "except=current":
		if revocation.Except = bearer.Keys.Session; revocation.Except.IsZero() {
			return revocation, denyNoSession
		}
	default:
		return revocation, denyExcept
	}
	if deny := refuseContent(w, r); deny != nil {
		return revocation, deny
	}
	instant := max(time.Now().Unix(), bearer.IssuedAt) // the body may have taken its time
	revocation.NotBefore, revocation.Expires = instant, g.app.hub.Expires(time.Unix(instant, 0))
	return revocation, nil
}

// endAll makes the revocation hold everywhere, or says why nobody knows whether it
// does.
func (g *Gate) endAll(r *http.Request, bearer *token.Verified, revocation store.Revocation) *reply.Denial {
	why := hub.Cause{Source: hub.SourceSessions, Issuer: bearer.Issuer}
	switch verdict := g.app.hub.Check(&bearer.Keys, time.Now()); {
	case verdict == replica.Unavailable:
		return g.revokeLater(r, why, bearer, "", true, revocation)
	case verdict != replica.Clear:
		return caller.Revoked
	}
	if err := g.app.hub.RevokeOnce(r.Context(), why, revocation); err != nil {
		return denyUnconfirmed
	}
	return nil
}

// unconfirmedAll is the answer where nobody knows whether a revocation holds
// everywhere. Unless the caller's session is excepted, its token is refused here
// from now on, and the same request with it, too.
func unconfirmedAll(deny *reply.Denial, revocation store.Revocation) *reply.Denial {
	if deny.Is(reply.Unconfirmed) && revocation.Except.IsZero() {
		return denyUnconfirmedAll
	}
	return deny
}
