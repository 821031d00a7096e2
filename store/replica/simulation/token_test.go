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
	w.tokens = append(w.tokens, t)
	return t
}

// refresh issues another token for the session of a token. The issuer may not know that
// the session was revoked.
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
	return &token{
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
		Session: t.session, Token: t.id, Subject: t.subject, Issuer: t.issuer,
		IssuedAt: t.issued, Expires: t.expires + int64(leeway.Seconds()),
	}
}

// namedBy reports whether a revocation names the token. It restates the rule of the
// replica's set in plain code.
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

// revocation draws what a client revokes with a token, mostly its session. The gate that
// handles it sets the expiry.
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

// allTokens returns every token.
func (w *world) allTokens() []*token {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*token(nil), w.tokens...)
}
