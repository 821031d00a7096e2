package operator

import (
	"context"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/ending"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// ends says what a DELETE with a token ends.
func (g gate) ends(ctx context.Context, t *token.Verified, now time.Time) (scope, detail string) {
	e, err := ending.Of(ctx, g.Hub(), t, now)
	if err != nil {
		e = ending.Known(g.Hub(), t, now)
	}
	switch {
	case e.Scope == ending.Session && t.Keys.Login.IsZero():
		detail = "every token of the session that its session claim names; it has no usable auth_time, " +
			"so tokens of the same login that do not name the session go on"
	case e.Scope == ending.Session:
		detail = "every token of the session that its session claim names, and of its login (auth_time)"
	case e.Scope == ending.Login && !t.Keys.Login.IsZero():
		detail = "every token of its login: of this subject with this auth_time"
	case e.Scope == ending.Login:
		detail = "the login that a token_endpoint issued it for, with its refresh token"
	case e.Scope == ending.Subject:
		detail = "everything that was issued to its subject up to then, on all devices, because it names no session (it has no claim " + t.SessionClaims() + ") and no login; " +
			"refresh tokens go on that are used elsewhere than at a token_endpoint of the gate; session_claim names the claim of a session, and without_session token ends the token alone"
	case t.Subject == "":
		detail = "this token alone, because it has no subject; if another claim names its user, name that in subject_claim"
	case t.IsMachine():
		detail = "this token alone, because it is a machine's"
	case t.WithoutSession() == token.EndSubject:
		detail = "this token alone, because it is revoked by itself already"
	default:
		detail = "this token alone, because it names no session and no login (without_session token)"
	}
	if err != nil {
		detail += "; and what the gate learned about it, which it cannot look up now: " + err.Error()
	}
	return string(e.Scope), detail
}
