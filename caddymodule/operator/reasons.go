package operator

import (
	"context"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// reasons returns what revokes a token, by the verdict of the set of the gate.
func (g gate) reasons(ctx context.Context, verdict replica.Verdict, t *token.Verified) (found []reason) {
	k := &t.Keys
	if verdict&replica.BySession != 0 {
		found = g.appendSession(found, "session", k.Session, t.AuthTime)
		found = g.appendSession(found, "login", k.Login, t.AuthTime)
	}
	if verdict&replica.ByToken != 0 {
		found = g.appendLearned(ctx, found, t)
		found = append(found, reason{by: "token", key: k.Token, is: isToken})
	}
	if verdict&replica.BySubject != 0 {
		found = append(found, g.reasonWithInstant(store.KindSubject, k.Subject, t.IssuedAt, k.First()))
	}
	if verdict&replica.ByIssuer != 0 {
		found = append(found, g.reasonWithInstant(store.KindIssuer, k.Issuer, t.IssuedAt, k.First()))
	}
	if verdict&replica.ByFloor != 0 {
		found = append(found, reason{
			by: "floor", instant: g.Hub().Status().Bounds.Refused(), unknown: "the store lost revocations, and no gate knows which",
		})
	}
	if verdict&replica.Outlived != 0 {
		found = append(found, reason{
			by: "forgotten", unknown: "a clock went back, or the retention was raised after the token was issued",
		})
	}
	return found
}

// appendSession appends a session if it is revoked for tokens of a login, in Unix seconds.
func (g gate) appendSession(found []reason, by string, session store.Key, login int64) []reason {
	if session.IsZero() {
		return found
	}
	instant, held := g.Hub().Instant(session)
	if !held || instant != 0 && login > instant {
		return found
	}
	return append(found, reason{by: by, key: session, instant: instant, is: endsAt(login)})
}

// appendLearned appends the logins that a token endpoint has issued a token for, if they are
// revoked. A token ends by itself with such a login.
func (g gate) appendLearned(ctx context.Context, found []reason, t *token.Verified) []reason {
	learned, login, err := g.Hub().Learned(ctx, t.Keys.Token)
	if err != nil {
		return found // the token itself is named all the same
	}
	for _, session := range learned {
		if session != t.Keys.Session && session != t.Keys.Login {
			found = g.appendSession(found, "learned", session, login)
		}
	}
	return found
}

// reasonWithInstant returns the revocation of a subject or an issuer, at its latest instant. Its
// origin is that of the first that covers a second, in Unix seconds, of a session.
func (g gate) reasonWithInstant(kind store.Kind, key store.Key, second int64, session store.Key) reason {
	_, set := g.Hub().Store()
	// The set finds both kinds by the key alone.
	instant := set.NotBefore(&store.Keys{Subject: key, Session: session})
	return reason{by: kind.String(), key: key, instant: instant, is: func(r store.Revocation) bool {
		return r.Kind == kind && second <= r.NotBefore && (r.Except.IsZero() || r.Except != session)
	}}
}

// reasonOf returns why a session is over, which was seen last at its LastSeen.
func (g gate) reasonOf(s store.Session, k *store.Keys) reason {
	by := "session"
	if _, isLogin := store.ParseLoginID(s.ID); isLogin {
		by = "login"
	}
	if itself := g.appendSession(nil, by, k.Session, s.LastSeen); len(itself) > 0 {
		return itself[0]
	}
	if subject := g.reasonWithInstant(store.KindSubject, k.Subject, s.LastSeen, k.Session); s.LastSeen <= subject.instant {
		return subject
	}
	return g.reasonWithInstant(store.KindIssuer, k.Issuer, s.LastSeen, k.Session)
}

// latest returns the latest revocation of a subject, and that of its issuer.
func (g gate) latest(k *store.Keys) (found []reason) {
	_, set := g.Hub().Store()
	for _, one := range []struct {
		kind store.Kind
		key  store.Key
	}{{store.KindSubject, k.Subject}, {store.KindIssuer, k.Issuer}} {
		if instant := set.NotBefore(&store.Keys{Subject: one.key}); instant > 0 {
			found = append(found, g.reasonWithInstant(one.kind, one.key, instant, store.Key{}))
		}
	}
	return found
}

func isToken(r store.Revocation) bool { return r.Kind == store.KindToken }

// endsAt reports which revocations of a session end a login, or its use, at a Unix second.
func endsAt(second int64) func(store.Revocation) bool {
	return func(r store.Revocation) bool {
		return r.Kind == store.KindSession && (r.NotBefore == 0 || second <= r.NotBefore)
	}
}
