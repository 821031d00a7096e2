package simulation

import (
	"fmt"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

const (
	namespace = "simulation"
	// lifetime is that of every token, and retention that of revocations; no run
	// is as long.
	lifetime  = 12 * time.Hour
	retention = 24 * time.Hour
	leeway    = 30 * time.Second
)

// token is what clients come with: one for each session.
type token struct {
	name            string
	session, id     store.Key
	subject, issuer store.Key
	issued          int64
}

// newToken issues a token to one of a few subjects of two issuers.
func (w *world) newToken() *token {
	draw := w.of("tokens")
	w.mu.Lock()
	defer w.mu.Unlock()
	session := fmt.Sprintf("s%d", len(w.tokens))
	t := w.issue(session, fmt.Sprintf("u%d", draw.below(5)), fmt.Sprintf("issuer%d", draw.below(2)))
	w.tokens = append(w.tokens, t)
	return t
}

// issue makes a token by names.
func (w *world) issue(session, subject, issuer string) *token {
	return &token{
		name:    session,
		session: store.NewKey(namespace, store.KindSession, issuer, session),
		id:      store.NewKey(namespace, store.KindToken, issuer, session),
		subject: store.NewKey(namespace, store.KindSubject, issuer, subject),
		issuer:  store.NewKey(namespace, store.KindIssuer, issuer, ""),
		issued:  time.Now().Unix(),
	}
}

// keys makes a token ready for one replica, which keeps them.
func (t *token) keys() *store.Keys {
	return &store.Keys{
		Session: t.session, Token: t.id, Subject: t.subject, Issuer: t.issuer,
		IssuedAt: t.issued, Expires: t.issued + int64(lifetime.Seconds()),
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

// revocation draws what a client revokes by a token: mostly its session.
func (t *token) revocation(draw *stream, now time.Time) store.Revocation {
	r := store.Revocation{Kind: store.KindSession, Key: t.session, Expires: now.Add(retention).Unix()}
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
