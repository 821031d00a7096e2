package sessionapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/ending"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// deleteSession revokes the session that read finds in the request.
func (a *API) deleteSession(w http.ResponseWriter, r *http.Request, read func() (sessionID string, deny *reply.Denial)) error {
	a.o.Origins.Allow(w, r)
	bearer, ambient, deny := a.read(r, time.Now())
	if deny != nil {
		return a.o.Refuse(w, r, deny)
	}
	sessionID, deny := a.target(bearer, read)
	if deny != nil {
		return a.refuse(w, r, bearer, deny)
	}
	ended, deny := a.revoke(r, bearer, sessionID)
	// For another session, denySession is about a session that the caller does not hold.
	if isOwn(bearer, sessionID) && (deny == nil || deny == denySession) {
		a.expire(w, r, ambient)
	}
	if deny != nil {
		return a.refuse(w, r, bearer, deny)
	}
	a.o.Answered(r, bearer.Subject)
	hub.AwaitAfter(r.Context(), ended.Passed)
	w.Header().Set(endedHeader, string(ended.Scope))
	return writeInvalidated(w, sessionID)
}

// endedHeader says in the answer 200 what ended: the session, the login, everything of the
// subject, or the token alone (ending.Scope).
const endedHeader = "Session-Gate-Ended"

// expire makes the browser forget the cookie of a token that came in one.
func (a *API) expire(w http.ResponseWriter, r *http.Request, ambient bool) {
	if ambient && a.o.Expire != nil {
		a.o.Expire(w, r)
	}
}

// isOwn reports whether a session that a caller names is its own. "" is its own.
func isOwn(bearer *token.Verified, sessionID string) bool {
	return sessionID == "" || sessionID == bearer.Session
}

// read verifies who calls, and refuses pages of other sites. ambient reports whether the
// token came in a cookie.
func (a *API) read(r *http.Request, now time.Time) (bearer *token.Verified, ambient bool, deny *reply.Denial) {
	bearer, source, deny := a.o.Caller.Read(r, &now)
	if crossSite := a.o.Origins.CheckSite(r, source); crossSite != nil {
		if bearer != nil {
			crossSite = caller.Of(bearer, crossSite, nil)
		}
		return nil, false, crossSite
	}
	return bearer, source.IsAmbient(), deny
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
	case !ending.Over(bearer, verdict):
		return "", caller.Revoked
	}
	if sessionID, deny = read(); deny != nil {
		return "", caller.Revoked
	}
	return sessionID, nil
}

// revoke revokes the session that the caller names, and returns what ended, or why it does
// not.
func (a *API) revoke(r *http.Request, bearer *token.Verified, sessionID string) (ended ending.Ending, deny *reply.Denial) {
	now := time.Now() // reading the body may have taken time
	cause := hub.Cause{Source: store.SourceEndpoint, Issuer: bearer.Issuer}
	isOwn := isOwn(bearer, sessionID)
	if isOwn {
		cause.Subject = bearer.Subject
		var err error
		if ended, err = ending.Of(r.Context(), a.o.Hub, bearer, now); err != nil {
			a.o.Logger.Error("the sessions of a token could not be looked up", "key", bearer.Keys.Token, "error", err)
			ended = ending.Known(a.o.Hub, bearer, now)
			if ending.Over(bearer, a.o.Hub.Check(&bearer.Keys, now)) {
				return ended, denyUnconfirmed // this gate holds it already
			}
			return ended, a.revokeLater(r, cause, bearer, sessionID, true, ended.Revocations...)
		}
	} else {
		ended = ending.Named(a.o.Hub, bearer, sessionID, now)
	}
	verdict := a.o.Hub.Check(&bearer.Keys, now)
	switch {
	case verdict == replica.Unavailable:
		return ended, a.revokeLater(r, cause, bearer, sessionID, isOwn, ended.Revocations...)
	case isOwn && (verdict&^unnamed == replica.Clear || ending.Over(bearer, verdict)):
	case verdict != replica.Clear:
		return ended, caller.Revoked
	default:
		if cause.Subject, deny = a.mayEnd(r, bearer, sessionID, ended.Revocations[0]); deny != nil {
			return ended, deny
		}
	}
	return ended, a.confirm(r.Context(), cause, ended.Revocations)
}

// confirm revokes a session with everything that is known to belong to it. It distinguishes
// a repeat from the first call. A repeat is a revocation like any other: it prolongs the
// first one, and is answered when every gate refuses the session.
func (a *API) confirm(ctx context.Context, cause hub.Cause, revocations []store.Revocation) *reply.Denial {
	repeated, err := a.o.Hub.Repeat(ctx, revocations...)
	switch {
	case err != nil || repeated:
	case revocations[0].Kind == store.KindSubject:
		err = a.o.Hub.RevokeOnce(ctx, cause, revocations[0])
	default:
		err = a.o.Hub.Revoke(ctx, cause, revocations...)
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
func (a *API) revokeLater(r *http.Request, cause hub.Cause, bearer *token.Verified, sessionID string, isOwn bool, revocations ...store.Revocation) *reply.Denial {
	if !a.o.Hub.Status().Synced || a.o.Hub.Look(&bearer.Keys) != replica.Clear {
		return caller.Unavailable
	}
	if !isOwn {
		var deny *reply.Denial
		if cause.Subject, deny = a.mayEnd(r, bearer, sessionID, revocations[0]); deny != nil {
			return caller.Unavailable
		}
	}
	a.o.Hub.RevokeLater(cause, revocations...)
	return denyUnconfirmed
}

// unnamed are the reasons to refuse a token that no revocation names. Its session may be
// live, and the token may end it.
const unnamed = replica.Outlived | replica.ByFloor

// mayEnd returns why the caller may not end another session, or the subject of the session. The
// session must be live. It must belong to the caller's subject or, for holders of the admin
// scope, to any subject of the issuer.
//
// Attack: try session ids to learn which sessions exist, or who owns them. Unknown
// sessions, revoked sessions and sessions of others get the same answer. The gate makes the
// same store calls for each of them first, so neither the time nor an unreachable store
// distinguishes them.
func (a *API) mayEnd(r *http.Request, bearer *token.Verified, sessionID string, revocation store.Revocation) (owner string, deny *reply.Denial) {
	admin := a.o.AdminScope != "" && bearer.HasScope(a.o.AdminScope)
	err := a.o.Hub.Owned(r.Context(), bearer.Issuer, sessionID, func(subject string) bool {
		owner = subject
		return admin || subject != "" && subject == bearer.Subject
	})
	switch {
	case errors.Is(err, store.ErrUnknownSession):
		return "", denySession
	case err != nil:
		// Invariant 7: a technical failure is 503, never "unknown".
		a.o.Logger.Error("the owner of a session could not be looked up", "key", revocation.Key, "error", err)
		return "", denyUnconfirmed
	}
	return owner, nil
}

// writeInvalidated writes the answer 200 that the API's documentation states.
func writeInvalidated(w http.ResponseWriter, sessionID string) error {
	return reply.JSON(w, http.StatusOK, struct {
		Message   string `json:"message"`
		SessionID string `json:"session_id,omitempty"`
	}{"Session invalidated successfully.", sessionID})
}
