package ending

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// Scope says what a logout ends, in the words of the header Session-Gate-Ended.
type Scope string

const (
	// Session: the session that the session claim of the token names.
	Session Scope = "session"
	// Login: all tokens of one login, by `auth_time` or as a token endpoint issued them.
	Login Scope = "login"
	// Subject: every access token that was issued to the subject up to now, on all devices.
	Subject Scope = "subject"
	// Token: the token alone.
	Token Scope = "token"
)

// Ending is what a logout with a token revokes.
type Ending struct {
	// Scope is the strongest part of what ends.
	Scope Scope
	// Revocations are those of all sessions of the token, or of its subject, or of itself.
	// The first names the scope. There is at least one.
	Revocations []store.Revocation
	// Passed is a Unix second that has to pass before the answer: a login right after the
	// answer gets a token of a later second. It is 0 if there is none.
	Passed int64
}

// Of returns what a logout with a token ends. A token belongs to every session that its
// claims name, and to those that a gate has learned for it (hub.Hub.Learned). The logout
// ends all of them. A token without any ends what its issuer's rules say.
//
// It asks the store, for at most a second. An error means that the store did not answer.
func Of(ctx context.Context, h *hub.Hub, t *token.Verified, now time.Time) (Ending, error) {
	learned, login, err := h.Learned(ctx, t.Keys.Token)
	if err != nil {
		return Ending{}, fmt.Errorf("looking up the sessions of a token: %w", err)
	}
	return of(h, t, learned, login, now), nil
}

// Known is Of without the store, for when it does not answer. A gate may have learned a
// session for a token whose claims name none. So Known ends the token, with which the gate
// later ends that session (hub.Hub.RevokeLater), and also what the issuer's rules say about a
// token without a session. That may be more than Of would end, never less.
func Known(h *hub.Hub, t *token.Verified, now time.Time) Ending {
	if !t.Keys.First().IsZero() {
		return of(h, t, nil, 0, now)
	}
	e := withoutSession(h, t, now)
	if e.Scope == Subject {
		e.Revocations = append(e.Revocations, alone(h, t, now).Revocations...)
	}
	return e
}

// Named returns what ends with another session, which the holder of a token names by its id.
func Named(h *hub.Hub, t *token.Verified, session string, now time.Time) Ending {
	key := h.SessionKey(t.Issuer, session)
	e := Ending{Scope: Session, Revocations: []store.Revocation{{Kind: store.KindSession, Key: key, Expires: h.Expires(now)}}}
	switch _, isLogin := store.ParseLoginID(session); {
	case isLogin:
		e.Scope = Login
	case t.AdmitsReauthentication():
		e.Revocations[0].NotBefore = instant(h, t, key, false, t.AuthTime, now)
	}
	return e
}

// of is Of for what was learned: the sessions, and the login of the token, or 0.
func of(h *hub.Hub, t *token.Verified, learned []store.Key, login int64, now time.Time) Ending {
	keys := Sessions(t, learned)
	verdict := h.Look(&t.Keys)
	// Attack: end a session that a gate has learned, and that goes on, with a token that ended
	// with its subject. If the token is revoked by itself, the learned session ended with it.
	if len(keys) == 0 || endsSubject(t) && verdict&replica.BySubject != 0 && verdict&replica.ByToken == 0 {
		return withoutSession(h, t, now)
	}
	e := Ending{Scope: Login}
	// A learned login ends its tokens by themselves.
	over := verdict&(replica.BySession|replica.ByToken) != 0
	for _, key := range keys {
		r := store.Revocation{Kind: store.KindSession, Key: key, Expires: h.Expires(now)}
		if key != t.Keys.Login {
			// Attack: the user has ended the login of a stolen token, and logged in again in
			// the same session. Send DELETE with that token, and end the session, which goes on.
			if over && !h.Holds(key) {
				continue
			}
			if t.AdmitsReauthentication() {
				r.NotBefore = instant(h, t, key, over, max(t.AuthTime, login), now)
			}
		}
		if key == t.Keys.Session {
			e.Scope = Session
		}
		e.Revocations = append(e.Revocations, r)
	}
	if len(e.Revocations) == 0 {
		e.Revocations = alone(h, t, now).Revocations // what was learned for the token ends with it
	}
	// Attack, during a rolling upgrade: use the token again at an older gate, which knows no
	// logins. It knows the token by itself.
	if t.Keys.Session.IsZero() && h.HasOlderGates() {
		e.Revocations = append(e.Revocations, alone(h, t, now).Revocations...)
	}
	return e
}

// Sessions returns the keys of all sessions that a token belongs to: those that its claims
// name, and the learned ones. The first names the token.
func Sessions(t *token.Verified, learned []store.Key) (keys []store.Key) {
	for _, key := range append([]store.Key{t.Keys.Session, t.Keys.Login}, learned...) {
		if !key.IsZero() && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// instant returns the login up to which a session is revoked, for issuers whose users may
// log in again in the same session. It is 0 for good.
//
// Attack: after the user has logged in again, send another DELETE with an old token of the
// session, and end the new login. So a token that is revoked moves the instant no further
// than its own login.
//
// Attack: log out while the clock of the login is ahead of this one, and go on, because the
// login is later than the instant. So the instant counts by the issuer's clock.
func instant(h *hub.Hub, t *token.Verified, key store.Key, over bool, login int64, now time.Time) int64 {
	held, found := h.Instant(key)
	switch {
	case found && held == 0:
		return 0
	case over:
		return max(held, login, 1)
	}
	return max(now.Unix()+max(t.Lead(), t.LoginLead()), login, held)
}

// endsSubject reports whether a logout with a token ends its subject, if no session was learned
// for it. A machine ends its token alone: other machines may share its subject.
func endsSubject(t *token.Verified) bool {
	return t.Keys.First().IsZero() && !t.IsMachine() && t.WithoutSession() == token.EndSubject
}

// withoutSession returns what the issuer's rules say about a token that belongs to no
// session.
//
// Attack: end a new login, or a session that was excepted, with a token that was revoked
// before. So a token that ended with its subject repeats that revocation and no other, and one
// that is revoked by itself ends nothing more.
func withoutSession(h *hub.Hub, t *token.Verified, now time.Time) Ending {
	if !endsSubject(t) {
		return alone(h, t, now)
	}
	if r, held := h.SubjectRevocation(&t.Keys); held {
		r.Expires = h.Expires(time.Unix(r.NotBefore, 0))
		return Ending{Scope: Subject, Revocations: []store.Revocation{r}}
	}
	if h.Look(&t.Keys)&replica.ByToken != 0 {
		return alone(h, t, now)
	}
	r, passed := AllOf(h, t, now)
	return Ending{Scope: Subject, Revocations: []store.Revocation{r}, Passed: passed}
}

func alone(h *hub.Hub, t *token.Verified, now time.Time) Ending {
	return Ending{Scope: Token, Revocations: []store.Revocation{
		{Kind: store.KindToken, Key: t.Keys.Token, Expires: h.Expires(now)},
	}}
}

// AllOf returns the revocation of everything that was issued to the subject of a token up to
// now, and the Unix second that has to pass before the answer (Ending.Passed). The token has
// a subject.
//
// The issuer's clock may be ahead of this one, by at most the leeway. The instant counts by
// the issuer's clock, as far as its tokens have shown it. The revocation is kept as if it was
// made at its instant. So of two revocations, the later one never expires sooner.
func AllOf(h *hub.Hub, t *token.Verified, now time.Time) (r store.Revocation, passed int64) {
	instant := max(now.Unix()+t.Lead(), t.IssuedAt)
	return store.Revocation{
		Kind: store.KindSubject, Key: t.Keys.Subject, NotBefore: instant, Expires: h.Expires(time.Unix(instant, 0)),
	}, now.Unix()
}

// Over reports whether a verdict says that what a logout with the token ends has ended, and
// not that the token is refused for another reason.
func Over(t *token.Verified, verdict replica.Verdict) bool {
	switch {
	case !t.Keys.First().IsZero():
		return verdict&replica.BySession != 0
	case !endsSubject(t):
		return verdict&replica.ByToken != 0
	default: // a learned login ends its tokens
		return verdict&(replica.ByToken|replica.BySubject) != 0
	}
}
