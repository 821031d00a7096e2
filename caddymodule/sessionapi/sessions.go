package sessionapi

import (
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

// deleteSessions revokes all sessions of the caller's subject, or all but its own.
//
// 200 means the same as for one session. It holds for every token of the subject that was
// issued up to a second that has passed by then. A login right after the answer gets a
// token of a later second.
func (a *API) deleteSessions(w http.ResponseWriter, r *http.Request) error {
	a.o.Origins.Allow(w, r)
	now := time.Now()
	bearer, ambient, deny := a.read(r, now)
	if deny != nil {
		return a.o.Refuse(w, r, deny)
	}
	// Attack: end the sessions of a user who has logged in again, with a token that was
	// revoked before. The revocations that the gate holds count also while it is fenced.
	if deny := a.o.Caller.Check(bearer, now); deny.Is(reply.Revoked) {
		return a.refuse(w, r, bearer, deny)
	}
	revocation, passed, deny := a.allOf(w, r, bearer)
	if deny == nil {
		deny = unconfirmedAll(a.revokeAll(r, bearer, revocation), revocation)
	}
	if deny != nil {
		return a.refuse(w, r, bearer, deny)
	}
	a.o.Answered(r, bearer.Subject)
	if revocation.Except.IsZero() {
		a.expire(w, r, ambient)
	}
	hub.AwaitAfter(r.Context(), passed)
	return reply.JSON(w, http.StatusOK, struct {
		Message string `json:"message"`
	}{"Sessions invalidated successfully."})
}

// allOf returns the revocation that a request asks for: everything issued to the caller's
// subject up to now, in all sessions or in all others. passed is the second that
// has to pass before the answer.
func (a *API) allOf(w http.ResponseWriter, r *http.Request, bearer *token.Verified) (revocation store.Revocation, passed int64, deny *reply.Denial) {
	if bearer.Subject == "" {
		return revocation, 0, denySubject
	}
	// Attack, or mistake: a query that means something else, such as ?Except=current. The
	// call must not end more than was meant, so no other query is ignored.
	var except store.Key
	switch r.URL.RawQuery {
	case "":
	case "except=current":
		if except = bearer.Keys.First(); except.IsZero() {
			return revocation, 0, denyNoSession
		}
	default:
		return revocation, 0, denyExcept
	}
	if deny := refuseContent(w, r); deny != nil {
		return revocation, 0, deny
	}
	revocation, passed = ending.AllOf(a.o.Hub, bearer, time.Now()) // reading the body may have taken time
	revocation.Except = except
	return revocation, passed, nil
}

// revokeAll makes the revocation hold at every gate, or returns why it is not confirmed.
func (a *API) revokeAll(r *http.Request, bearer *token.Verified, revocation store.Revocation) *reply.Denial {
	cause := hub.Cause{Source: store.SourceSessions, Issuer: bearer.Issuer, Subject: bearer.Subject}
	switch verdict := a.o.Hub.Check(&bearer.Keys, time.Now()); {
	case verdict == replica.Unavailable:
		return a.revokeLater(r, cause, bearer, "", true, revocation)
	case verdict != replica.Clear:
		return caller.Revoked
	}
	if err := a.o.Hub.RevokeOnce(r.Context(), cause, revocation); err != nil {
		return denyUnconfirmed
	}
	return nil
}

// unconfirmedAll returns the answer to a revocation that is not confirmed. Unless the
// caller's session is excepted, this gate now refuses the caller's token, and so a retry.
func unconfirmedAll(deny *reply.Denial, revocation store.Revocation) *reply.Denial {
	if deny.Is(reply.Unconfirmed) && revocation.Except.IsZero() {
		return denyUnconfirmedAll
	}
	return deny
}
