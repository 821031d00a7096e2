package caddymodule

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// serveSession answers DELETE on the endpoint: it revokes the caller's session,
// or the one that the body names.
//
// 200 means that the revocation is durable in the store, and that no gate of the
// fleet admits a request of the session that starts from now on.
func (g *Gate) serveSession(w http.ResponseWriter, r *http.Request) error {
	return g.invalidate(w, r, func() (string, *reply.Denial) { return readTarget(w, r) })
}

// invalidate ends the session that read finds in the request.
func (g *Gate) invalidate(w http.ResponseWriter, r *http.Request, read func() (sessionID string, deny *reply.Denial)) error {
	g.origins.Allow(w, r)
	bearer, deny := g.bearer(r)
	if deny != nil {
		return refuse(w, r, deny)
	}
	sessionID, deny := g.target(bearer, read)
	if deny != nil {
		return refuse(w, r, deny)
	}
	if deny := g.end(r, bearer, sessionID); deny != nil {
		return refuse(w, r, deny)
	}
	return writeInvalidated(w, sessionID)
}

// caller verifies who calls. Here the API page knows one answer for every token
// that is not good, also for a malformed one.
func (g *Gate) bearer(r *http.Request) (*token.Verified, *reply.Denial) {
	bearer, source, deny := g.caller.Read(r, time.Now())
	if crossSite := g.origins.CheckSite(r, source); crossSite != nil {
		return nil, crossSite
	}
	if deny.Is(reply.Malformed) {
		return nil, denyBroken
	}
	return bearer, deny
}

// target reads which session the caller aims at, "" for its own.
//
// Attack: send a body that is wrong, or one that the gate has to ask for, to tell
// a token that was revoked from one that was forged. Whoever holds a revoked one
// may learn that its own session is over, and nothing else.
func (g *Gate) target(bearer *token.Verified, read func() (string, *reply.Denial)) (sessionID string, deny *reply.Denial) {
	verdict := g.app.hub.Check(&bearer.Keys, time.Now())
	switch {
	case verdict&^unnamed == replica.Clear, verdict == replica.Unavailable:
		return read()
	case !sessionRevoked(bearer, verdict):
		return "", caller.Revoked
	}
	if sessionID, deny = read(); deny != nil {
		return "", caller.Revoked
	}
	return sessionID, nil
}

// end revokes the session that the caller aims at, or says why not.
func (g *Gate) end(r *http.Request, bearer *token.Verified, sessionID string) *reply.Denial {
	now := time.Now() // the body may have taken its time
	own := sessionID == "" || sessionID == bearer.SessionID
	revocation := ownRevocation(bearer)
	if !own {
		revocation = store.Revocation{
			Kind: store.KindSession,
			Key:  g.app.hub.Key(store.KindSession, bearer.Issuer, sessionID),
		}
	}
	revocation.Expires = g.app.hub.Expires(now)
	verdict := g.app.hub.Check(&bearer.Keys, now)
	why := hub.Cause{Source: hub.SourceEndpoint, Issuer: bearer.Issuer}
	switch {
	case verdict == replica.Unavailable:
		return g.revokeLater(r, why, bearer, sessionID, own, revocation)
	case own && (verdict&^unnamed == replica.Clear || sessionRevoked(bearer, verdict)):
	case verdict != replica.Clear:
		return caller.Revoked
	default:
		if deny := g.mayEnd(r, bearer, sessionID, revocation); deny != nil {
			return deny
		}
	}
	return g.confirm(r.Context(), why, revocation)
}

// confirm revokes a session with all that is known to belong to it, and says so
// where that was done before. Such a repeat is a revocation like any other: it
// prolongs the first, and is answered when every gate refuses the session.
func (g *Gate) confirm(ctx context.Context, why hub.Cause, revocation store.Revocation) *reply.Denial {
	repeated, err := g.app.hub.Repeat(ctx, revocation)
	if err == nil && !repeated {
		err = g.app.hub.Revoke(ctx, why, revocation)
	}
	switch {
	case err != nil:
		return denyUnconfirmed
	case repeated:
		return denySession
	}
	return nil
}

// revokeLater revokes on this gate what may not be acknowledged to the caller, because
// the gate is fenced. The store gets it when it answers again.
//
// Attack: end a live session with a token that was revoked by itself, while the
// gate cannot tell. What it holds already still counts, and a gate that has never
// held anything offers nothing.
func (g *Gate) revokeLater(r *http.Request, why hub.Cause, bearer *token.Verified, sessionID string, own bool, revocation store.Revocation) *reply.Denial {
	switch {
	case !g.app.hub.Status().Synced, g.app.hub.Look(&bearer.Keys) != replica.Clear:
		return caller.Unavailable
	case !own && g.mayEnd(r, bearer, sessionID, revocation) != nil:
		return caller.Unavailable
	}
	g.app.hub.RevokeLater(why, revocation)
	return denyUnconfirmed
}

// sessionRevoked reports whether a verdict says that the caller's own session is
// over, rather than that something else refuses the token. A token that names no
// session is its own.
func sessionRevoked(bearer *token.Verified, verdict replica.Verdict) bool {
	if bearer.Keys.Session.IsZero() {
		return verdict&replica.ByToken != 0
	}
	return verdict&replica.BySession != 0
}

// unnamed are the reasons to refuse a token of which nobody said that it was revoked.
// Its session may be live, and it may end it.
const unnamed = replica.Outlived | replica.ByFloor

// ownRevocation is the revocation of the caller's session, or of the token
// itself where it names none.
func ownRevocation(bearer *token.Verified) store.Revocation {
	if bearer.Keys.Session.IsZero() {
		return store.Revocation{Kind: store.KindToken, Key: bearer.Keys.Token}
	}
	return store.Revocation{Kind: store.KindSession, Key: bearer.Keys.Session}
}

// mayEnd reports whether the caller may end another session: it is live, and the
// caller's own or, for holders of the admin scope, anybody's of the same issuer.
//
// Attack: try session ids to learn which exist, or whose they are. Unknown,
// already revoked, and somebody else's look alike: the same is asked for each
// first, so that neither the time it takes nor a store that is away tells them
// apart.
func (g *Gate) mayEnd(r *http.Request, bearer *token.Verified, sessionID string, revocation store.Revocation) *reply.Denial {
	admin := g.AdminScope != "" && bearer.HasScope(g.AdminScope)
	err := g.app.hub.Owned(r.Context(), bearer.Issuer, sessionID, func(subject string) bool {
		return admin || subject != "" && subject == bearer.Subject
	})
	switch {
	case errors.Is(err, store.ErrUnknownSession):
		return denySession
	case err != nil:
		// Invariant 7: a technical failure is 503, never "unknown".
		g.logger.Error("the owner of a session could not be looked up", "key", revocation.Key, "error", err)
		return denyUnconfirmed
	}
	return nil
}

// writeInvalidated writes the successful answer of the API page.
func writeInvalidated(w http.ResponseWriter, sessionID string) error {
	return reply.JSON(w, http.StatusOK, struct {
		Message   string `json:"message"`
		SessionID string `json:"session_id,omitempty"`
	}{"Session invalidated successfully.", sessionID})
}
