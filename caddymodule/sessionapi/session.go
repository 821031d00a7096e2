package sessionapi

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

// deleteSession revokes the session that read finds in the request.
func (a *API) deleteSession(w http.ResponseWriter, r *http.Request, read func() (sessionID string, deny *reply.Denial)) error {
	a.o.Origins.Allow(w, r)
	bearer, deny := a.read(r, time.Now())
	if deny.Is(reply.Malformed) {
		deny = denyMalformed
	}
	if deny != nil {
		return a.o.Refuse(w, r, deny)
	}
	sessionID, deny := a.target(bearer, read)
	if deny != nil {
		return a.o.Refuse(w, r, deny)
	}
	if deny := a.revoke(r, bearer, sessionID); deny != nil {
		return a.o.Refuse(w, r, deny)
	}
	return writeInvalidated(w, sessionID)
}

// read verifies who calls, and refuses pages of other sites.
func (a *API) read(r *http.Request, now time.Time) (*token.Verified, *reply.Denial) {
	bearer, source, deny := a.o.Caller.Read(r, &now)
	if crossSite := a.o.Origins.CheckSite(r, source); crossSite != nil {
		return nil, crossSite
	}
	return bearer, deny
}

// target reads which session the caller names, or "" for its own.
//
// Attack: send an invalid body, or a body that the gate has to ask for, to distinguish a
// revoked token from a forged token. The holder of a revoked token may learn that its own
// session is revoked, and nothing else.
func (a *API) target(bearer *token.Verified, read func() (string, *reply.Denial)) (sessionID string, deny *reply.Denial) {
	verdict := a.o.Hub.Check(&bearer.Keys, time.Now())
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

// revoke revokes the session that the caller names, or returns why not.
func (a *API) revoke(r *http.Request, bearer *token.Verified, sessionID string) *reply.Denial {
	now := time.Now() // reading the body may have taken time
	isOwn := sessionID == "" || sessionID == bearer.SessionID
	revocation := revocationOf(bearer)
	if !isOwn {
		revocation = store.Revocation{
			Kind: store.KindSession,
			Key:  a.o.Hub.Key(store.KindSession, bearer.Issuer, sessionID),
		}
	}
	revocation.Expires = a.o.Hub.Expires(now)
	verdict := a.o.Hub.Check(&bearer.Keys, now)
	cause := hub.Cause{Source: hub.SourceEndpoint, Issuer: bearer.Issuer}
	switch {
	case verdict == replica.Unavailable:
		return a.revokeLater(r, cause, bearer, sessionID, isOwn, revocation)
	case isOwn && (verdict&^unnamed == replica.Clear || sessionRevoked(bearer, verdict)):
	case verdict != replica.Clear:
		return caller.Revoked
	default:
		if deny := a.mayEnd(r, bearer, sessionID, revocation); deny != nil {
			return deny
		}
	}
	return a.confirm(r.Context(), cause, revocation)
}

// confirm revokes a session with everything that is known to belong to it. It distinguishes
// a repeat from the first call. A repeat is a revocation like any other: it prolongs the
// first one, and is answered when every gate refuses the session.
func (a *API) confirm(ctx context.Context, cause hub.Cause, revocation store.Revocation) *reply.Denial {
	repeated, err := a.o.Hub.Repeat(ctx, revocation)
	if err == nil && !repeated {
		err = a.o.Hub.Revoke(ctx, cause, revocation)
	}
	switch {
	case err != nil:
		return denyUnconfirmed
	case repeated:
		return denySession
	}
	return nil
}

// revokeLater revokes at this gate without a confirmation, because the gate is fenced. The
// gate retries until the store has the revocation.
//
// Attack: end a live session with a token that is revoked itself, while the gate cannot
// tell. So the revocations that the gate holds still count. A gate that has never read the
// revocation log revokes nothing.
func (a *API) revokeLater(r *http.Request, cause hub.Cause, bearer *token.Verified, sessionID string, isOwn bool, revocation store.Revocation) *reply.Denial {
	switch {
	case !a.o.Hub.Status().Synced, a.o.Hub.Look(&bearer.Keys) != replica.Clear:
		return caller.Unavailable
	case !isOwn && a.mayEnd(r, bearer, sessionID, revocation) != nil:
		return caller.Unavailable
	}
	a.o.Hub.RevokeLater(cause, revocation)
	return denyUnconfirmed
}

// sessionRevoked reports whether a verdict says that the caller's own session is revoked.
// It is false if the token is refused for another reason. A token without a session id
// counts as its own session.
func sessionRevoked(bearer *token.Verified, verdict replica.Verdict) bool {
	if bearer.Keys.Session.IsZero() {
		return verdict&replica.ByToken != 0
	}
	return verdict&replica.BySession != 0
}

// unnamed are the reasons to refuse a token that no revocation names. Its session may be
// live, and the token may end it.
const unnamed = replica.Outlived | replica.ByFloor

// revocationOf returns the revocation of the caller's session, or of the token itself if it
// names none.
func revocationOf(bearer *token.Verified) store.Revocation {
	if bearer.Keys.Session.IsZero() {
		return store.Revocation{Kind: store.KindToken, Key: bearer.Keys.Token}
	}
	return store.Revocation{Kind: store.KindSession, Key: bearer.Keys.Session}
}

// mayEnd returns why the caller may not end another session. The session must be live. It
// must belong to the caller's subject or, for holders of the admin scope, to any subject of
// the issuer.
//
// Attack: try session ids to learn which sessions exist, or who owns them. Unknown
// sessions, revoked sessions and sessions of others get the same answer. The gate makes the
// same store calls for each of them first, so neither the time nor an unreachable store
// distinguishes them.
func (a *API) mayEnd(r *http.Request, bearer *token.Verified, sessionID string, revocation store.Revocation) *reply.Denial {
	admin := a.o.AdminScope != "" && bearer.HasScope(a.o.AdminScope)
	err := a.o.Hub.Owned(r.Context(), bearer.Issuer, sessionID, func(subject string) bool {
		return admin || subject != "" && subject == bearer.Subject
	})
	switch {
	case errors.Is(err, store.ErrUnknownSession):
		return denySession
	case err != nil:
		// Invariant 7: a technical failure is 503, never "unknown".
		a.o.Logger.Error("the owner of a session could not be looked up", "key", revocation.Key, "error", err)
		return denyUnconfirmed
	}
	return nil
}

// writeInvalidated writes the answer 200 that the API's documentation states.
func writeInvalidated(w http.ResponseWriter, sessionID string) error {
	return reply.JSON(w, http.StatusOK, struct {
		Message   string `json:"message"`
		SessionID string `json:"session_id,omitempty"`
	}{"Session invalidated successfully.", sessionID})
}
