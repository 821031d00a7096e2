package caller

import (
	"log/slog"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store/replica"
)

// NoteRefusal logs that a user is locked out: a logout has ended a session at the gates, and the
// issuer's own single sign-on session goes on. The user logs in again, and gets a token of the
// ended session, which the gates refuse. Neither the user nor the operator learns why from the
// answer. A token that was issued before the logout is no such token.
//
// Attack: fill the log with a revoked token that is sent again and again. The line comes once
// a minute at most for each issuer, and the usual revoked token is from before the logout. It
// costs nothing if a request is admitted, and names no token and no session.
func NoteRefusal(h *hub.Hub, logger *slog.Logger, t *token.Verified, verdict replica.Verdict, now time.Time) {
	if verdict&replica.BySession == 0 {
		return
	}
	session, ended := h.EndedBefore(&t.Keys, t.Lead())
	if !ended || !t.MayWarnLockedOut(now.Unix()) {
		return
	}
	logger.Warn("the issuer still makes tokens of a session that a logout has ended; they are refused, so a user who logs in again stays locked out: "+
		"log out at the issuer, too (end_session_endpoint), or use prompt=login with reauthentication admit; see docs/identity-providers.md",
		"issuer", t.Issuer, "key", session)
}
