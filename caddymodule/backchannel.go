package caddymodule

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
)

// logoutPatience is how long the answer to an issuer waits at the most for the
// second of a logout to pass.
const logoutPatience = time.Second

// serveLogout answers the logout tokens that issuers send (OpenID Connect
// Back-Channel Logout 1.0 §2.5). They are credentials themselves; other methods are
// guarded like everything.
func (g *Gate) serveLogout(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) (bool, error) {
	if r.Method != http.MethodPost {
		return false, nil
	}
	if deny := g.logOut(w, r); deny != nil {
		return true, refuse(w, r, deny)
	}
	w.Header().Set("Cache-Control", "no-store") // §2.8
	w.WriteHeader(http.StatusOK)
	return true, nil
}

// logOut does what a logout token says, or says why not. When it returns nil that
// holds everywhere, as at the session endpoint.
func (g *Gate) logOut(w http.ResponseWriter, r *http.Request) *reply.Denial {
	raw, deny := readLogoutToken(w, r)
	if deny != nil {
		return deny
	}
	l, err := g.app.verifier.VerifyLogout(raw, time.Now())
	switch {
	case errors.Is(err, token.ErrUnavailable):
		return denyLogoutUnavailable
	case err != nil:
		return denyLogout
	}
	if !g.app.hub.Status().Synced {
		return denyLogoutUnavailable
	}
	received := g.receipt(l)
	if g.app.hub.Holds(received.Key) {
		return denyLogout
	}
	return g.confirmLogout(r, hub.Cause{Source: hub.SourceIssuer, Issuer: l.Issuer}, g.loggedOut(l), received)
}

// confirmLogout makes a logout hold everywhere, and then that its token was received.
//
// §2.6: another token with the same `jti` is refused, by every gate. Attack: send one
// that was intercepted once more. It could not do harm, because what it says is no
// more than what was said: it names one session, or tokens up to its own `iat`.
// Should the receipt not be confirmed, the logout is all the same.
//
// A call that is not confirmed leaves no receipt, so that the issuer may repeat it.
func (g *Gate) confirmLogout(r *http.Request, why hub.Cause, logout, received store.Revocation) *reply.Denial {
	if g.app.hub.Status().Fenced {
		g.app.hub.RevokeLater(why, logout)
		return denyLogoutUnavailable
	}
	if err := g.app.hub.Revoke(r.Context(), why, logout); err != nil {
		return denyLogoutUnavailable
	}
	if err := g.app.hub.Mark(r.Context(), received); err != nil {
		g.logger.Warn("a logout token was obeyed, but may be taken once more", "key", received.Key, "error", err)
	}
	if logout.Kind == store.KindSubject {
		// Nearly always this is over. An issuer's page that comes next may log in.
		ctx, cancel := context.WithTimeout(r.Context(), logoutPatience)
		defer cancel()
		hub.AwaitAfter(ctx, logout.NotBefore)
	}
	return nil
}

// loggedOut is the revocation that a logout token asks for (§2.7): of the session that
// it names, whether it names the subject, too, or else of all sessions of the subject.
// Those that began after it was issued are not meant.
func (g *Gate) loggedOut(l *token.Logout) store.Revocation {
	if l.SessionID != "" {
		return store.Revocation{
			Kind: store.KindSession, Key: g.app.hub.Key(store.KindSession, l.Issuer, l.SessionID), Expires: g.app.hub.Expires(time.Now()),
		}
	}
	return store.Revocation{
		Kind: store.KindSubject, Key: g.app.hub.Key(store.KindSubject, l.Issuer, l.Subject),
		NotBefore: l.IssuedAt, Expires: g.app.hub.Expires(time.Unix(l.IssuedAt, 0)),
	}
}

// receipt is the revocation of a logout token itself. Access tokens have no id with
// NUL in it (Invariant 6), so that none is meant by it.
func (g *Gate) receipt(l *token.Logout) store.Revocation {
	over := time.Unix(l.ExpiresAt, 0).Add(hub.MaxLeeway + store.ClockSkew).Unix()
	return store.Revocation{
		Kind: store.KindToken, Key: g.app.hub.Key(store.KindToken, l.Issuer, "logout\x00"+l.TokenID),
		Expires: max(over, g.app.hub.Expires(time.Now())),
	}
}
