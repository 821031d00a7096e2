package simulation

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

const namespace = "simulation"

// token is what clients come with: one for each session, or several one after another.
type token struct {
	name            string
	session, id     store.Key
	subject, issuer store.Key
	// issued and expires are its claims, by the issuer's clock; made is when it was
	// issued, and over when it expires, by the right one.
	issued, expires int64
	made, over      time.Duration
	// named says that a revocation was asked for that names it.
	named atomic.Bool
}

// newToken issues a token to one of a few subjects of two issuers.
func (w *world) newToken() *token {
	draw := w.of("tokens")
	w.mu.Lock()
	defer w.mu.Unlock()
	session := fmt.Sprintf("s%d", len(w.tokens))
	t := w.issue(session, fmt.Sprintf("u%d", draw.below(5)), fmt.Sprintf("issuer%d", draw.below(2)), w.lives(draw))
	w.tokens = append(w.tokens, t)
	return t
}

// refresh issues another token of the session of one. The issuer may not have heard
// that it was revoked.
func (w *world) refresh(of *token) *token {
	draw := w.of("tokens")
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.issue(fmt.Sprintf("%s again %d", of.name, len(w.tokens)), "", "", w.lives(draw))
	t.session, t.subject, t.issuer = of.session, of.subject, of.issuer
	t.named.Store(of.named.Load())
	w.tokens = append(w.tokens, t)
	return t
}

// lives draws how long a token lives: often as long as it may. The caller holds mu.
func (w *world) lives(draw *stream) time.Duration {
	if !w.disciplined || draw.chance(0.4) {
		return w.life
	}
	return draw.between(time.Minute, w.life)
}

// lifetime is how long tokens live at the most.
func (w *world) lifetime() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.life
}

// issue makes a token by names.
func (w *world) issue(session, subject, issuer string, life time.Duration) *token {
	var lead time.Duration
	if w.lead > 0 {
		lead = w.of("issuer").between(-w.lead, w.lead)
	}
	issued := time.Now().Add(lead).Unix()
	return &token{
		made: w.now(), over: w.now() + lead + life, issued: issued, expires: issued + int64(life.Seconds()),
		name:    session,
		session: store.NewKey(namespace, store.KindSession, issuer, session),
		id:      store.NewKey(namespace, store.KindToken, issuer, session),
		subject: store.NewKey(namespace, store.KindSubject, issuer, subject),
		issuer:  store.NewKey(namespace, store.KindIssuer, issuer, ""),
	}
}

// keys makes a token ready for one replica, which keeps them.
func (t *token) keys(leeway time.Duration) *store.Keys {
	return &store.Keys{
		Session: t.session, Token: t.id, Subject: t.subject, Issuer: t.issuer,
		IssuedAt: t.issued, Expires: t.expires + int64(leeway.Seconds()),
	}
}

// namedBy reports whether a revocation names the token. It is what the replica's
// set decides, written once more and plainly.
func (t *token) namedBy(r store.Revocation) bool {
	switch r.Kind {
	case store.KindSession:
		return r.Key == t.session
	case store.KindToken:
		return r.Key == t.id
	case store.KindSubject:
		return r.Key == t.subject && t.issued <= r.NotBefore && r.Except != t.session
	default:
		return r.Key == t.issuer && t.issued <= r.NotBefore && r.Except != t.session
	}
}

// revocation draws what a client revokes by a token: mostly its session. The gate that
// takes it says when it expires.
func (t *token) revocation(draw *stream, now time.Time) store.Revocation {
	r := store.Revocation{Kind: store.KindSession, Key: t.session}
	except := draw.chance(0.5)
	switch n := draw.below(100); {
	case n < 75:
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

// allTokens returns every token there is.
func (w *world) allTokens() []*token {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*token(nil), w.tokens...)
}
