package simulation

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

const namespace = "simulation"

// token is a client's token. A session has one token, or several in succession.
type token struct {
	name            string
	session, id     store.Key
	subject, issuer store.Key
	// login names the user's login, and auth is its second by the issuer's clock. Both are
	// zero if the token does not say. logins draws what else the user does, and is nil if
	// every session has one login.
	login  store.Key
	auth   int64
	logins *stream
	// user and by are the names of the subject and the issuer.
	user, by string
	// issued and expires are claims by the issuer's clock. made and over are the true
	// times of issue and expiry.
	issued, expires int64
	made, over      time.Duration
	// named reports that a revocation that names the token was requested.
	named atomic.Bool
}

// newToken issues a token to a random subject of a random issuer.
func (w *world) newToken() *token {
	draw := w.of("tokens")
	w.mu.Lock()
	defer w.mu.Unlock()
	session := fmt.Sprintf("s%d", len(w.tokens))
	t := w.issue(session, fmt.Sprintf("u%d", draw.below(5)), fmt.Sprintf("issuer%d", draw.below(2)), w.lives(draw))
	if w.logins && t.logins.chance(0.8) {
		t.authenticate(t.issued - int64(t.logins.below(5)))
	}
	w.tokens = append(w.tokens, t)
	return t
}

// login issues a token after the user of a token has logged in again, in the same session of
// the issuer.
func (w *world) login(of *token) *token {
	draw := w.of("tokens")
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.issue(fmt.Sprintf("%s after login %d", of.name, len(w.tokens)), of.user, of.by, w.lives(draw))
	t.session = of.session
	t.authenticate(t.issued)
	w.tokens = append(w.tokens, t)
	return t
}

// authenticate makes the token say when its user logged in.
func (t *token) authenticate(at int64) {
	t.auth, t.login = at, store.NewLoginKey(namespace, t.by, t.user, at)
}

// refresh issues another token for the session of a token. The issuer may not know that
// the session was revoked.
func (w *world) refresh(of *token) *token {
	draw := w.of("tokens")
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.issue(fmt.Sprintf("%s again %d", of.name, len(w.tokens)), "", "", w.lives(draw))
	t.session, t.subject, t.issuer = of.session, of.subject, of.issuer
	t.user, t.by, t.login, t.auth = of.user, of.by, of.login, of.auth
	t.named.Store(of.named.Load())
	w.tokens = append(w.tokens, t)
	return t
}

// lives draws the lifetime of a token, often the maximum. The caller holds mu.
func (w *world) lives(draw *stream) time.Duration {
	if !w.disciplined || draw.chance(0.4) {
		return w.life
	}
	return draw.between(time.Minute, w.life)
}

// lifetime returns the current maximum lifetime of tokens.
func (w *world) lifetime() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.life
}

// issue creates a token for the given names.
func (w *world) issue(session, subject, issuer string, life time.Duration) *token {
	var lead time.Duration
	if w.lead > 0 {
		lead = w.of("issuer").between(-w.lead, w.lead)
	}
	issued := time.Now().Add(lead).Unix()
	var logins *stream
	if w.logins {
		logins = w.of("logins")
	}
	return &token{
		user: subject, by: issuer, logins: logins,
		made: w.now(), over: w.now() + lead + life, issued: issued, expires: issued + int64(life.Seconds()),
		name:    session,
		session: store.NewKey(namespace, store.KindSession, issuer, session),
		id:      store.NewKey(namespace, store.KindToken, issuer, session),
		subject: store.NewKey(namespace, store.KindSubject, issuer, subject),
		issuer:  store.NewKey(namespace, store.KindIssuer, issuer, ""),
	}
}

// keys returns the token's keys for one replica, which caches a verdict in them.
func (t *token) keys(leeway time.Duration) *store.Keys {
	return &store.Keys{
		Session: t.session, Login: t.login, Token: t.id, Subject: t.subject, Issuer: t.issuer,
		AuthTime: t.auth, IssuedAt: t.issued, Expires: t.expires + int64(leeway.Seconds()),
	}
}

// namedBy reports whether a revocation names the token. It restates the rule of the
// replica's set in plain code.
func (t *token) namedBy(r store.Revocation) bool {
	switch r.Kind {
	case store.KindSession:
		return (r.Key == t.session || r.Key == t.login) && (r.NotBefore == 0 || t.auth <= r.NotBefore)
	case store.KindToken:
		return r.Key == t.id
	case store.KindSubject:
		return r.Key == t.subject && t.issued <= r.NotBefore && r.Except != t.session
	default:
		return r.Key == t.issuer && t.issued <= r.NotBefore && r.Except != t.session
	}
}

// revocation draws what a client revokes with a token, mostly its session. The gate that
// handles it sets the expiry.
func (t *token) revocation(draw *stream, now time.Time) store.Revocation {
	r := store.Revocation{Kind: store.KindSession, Key: t.session}
	except := draw.chance(0.5)
	switch n := draw.below(100); {
	case n < 75:
		t.limit(&r, now)
	case n < 88:
		r.Kind, r.Key = store.KindToken, t.id
	case n < 97:
		r.Kind, r.Key, r.NotBefore = store.KindSubject, t.subject, now.Unix()
		if except {
			r.Except = t.session
		}
	default:
		r.Kind, r.Key, r.NotBefore = store.KindIssuer, t.issuer, now.Unix()
	}
	return r
}

// limit makes the revocation of a session one up to an instant: the present second or that of
// the login, so that instants come out of order. Or it makes it one of the login alone, or
// leaves it for good.
func (t *token) limit(r *store.Revocation, now time.Time) {
	if t.logins == nil {
		return
	}
	switch n := t.logins.below(10); {
	case n < 5:
		r.NotBefore = max(now.Unix(), t.auth)
	case n < 7 && t.auth > 0:
		r.NotBefore = t.auth
	case n < 8 && t.auth > 0:
		r.Key = t.login
	}
}

// allTokens returns every token.
func (w *world) allTokens() []*token {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*token(nil), w.tokens...)
}
