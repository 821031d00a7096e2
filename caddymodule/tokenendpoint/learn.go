package tokenendpoint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/oauth"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
)

// handedOut holds the claims of the tokens of an answer. A token that none of the gate's
// issuers has signed is nil.
type handedOut struct {
	oauth.Answer
	access, refresh, id *token.Verified
}

// checkTokens learns which session the tokens of an answer belong to, and then decides
// whether the client may get them.
//
// If it withholds the tokens of a login because the session is revoked, it logs that the user
// is locked out (caller.NoteRefusal).
//
// Invariant: learn first, check afterwards. A concurrent revocation is in force at every
// gate before it reads the tokens of the session (hub.Hub.Revoke). So either the revocation
// finds these tokens, or the revocation was in force before they were learned, and the
// check finds it.
func (x *exchange) checkTokens(ctx context.Context, answer oauth.Answer) *reply.Denial {
	ctx = context.WithoutCancel(ctx) // the tokens must be learned even if the client hangs up
	tokens, deny := x.read(ctx, answer)
	if deny != nil {
		return deny
	}
	x.isTooLong(max(answer.RefreshLifetime, lifetime(tokens.refresh)))
	grants := x.grants(tokens)
	if len(grants) > 0 {
		ctx, cancel := context.WithTimeout(ctx, learnTimeout)
		defer cancel()
		if err := x.o.Hub.Tokens().Learn(ctx, grants...); errors.Is(err, store.ErrManyFamilies) {
			x.o.Logger.Error("tokens that would belong to more sessions than are kept of one were withheld and answered 400",
				"key", grants[0].Families[0], "error", err)
			return denyMany // here a new login helps, and a refresh would not
		} else if err != nil {
			x.o.Logger.Error("which session tokens belong to could not be learned; they were withheld and answered 503",
				"key", grants[0].Families[0], "error", err)
			return denyUnavailable
		}
	}
	deny = x.checkLearned(&tokens, grants)
	if deny == denyRevoked && len(x.known.Families) == 0 {
		for _, issued := range tokens.all() {
			caller.NoteRefusal(x.o.Hub, x.o.Logger, issued, x.check(&issued.Keys), time.Now())
		}
	}
	if all := tokens.all(); len(all) > 0 {
		return of(all[0], deny)
	}
	return deny
}

// checkLearned decides about the tokens of an answer by what was learned and by their claims.
func (x *exchange) checkLearned(tokens *handedOut, grants []store.Grant) *reply.Denial {
	var learned store.Grant
	for _, grant := range grants {
		learned = grant // all are of the same sessions and the same login
		if deny := denyVerdict(x.checkGrant(grant)); deny != nil {
			return deny
		}
	}
	for _, issued := range tokens.all() {
		about := learned
		if issued == tokens.access {
			about = store.Grant{} // by its claims alone, as when it is presented later
		}
		if deny := denyVerdict(x.checkIssued(issued, about)); deny != nil {
			return deny
		}
	}
	return nil
}

const (
	// learnTimeout bounds the store call for one answer.
	learnTimeout = 5 * time.Second
	// keyTimeout bounds how long an answer waits for a key set with a new key. The set is
	// fetched at most every five seconds.
	keyTimeout = 8 * time.Second
	keyPause   = 100 * time.Millisecond
)

// read reads the tokens of an answer.
func (x *exchange) read(ctx context.Context, answer oauth.Answer) (tokens handedOut, deny *reply.Denial) {
	ctx, cancel := context.WithTimeout(ctx, keyTimeout)
	defer cancel()
	tokens.Answer = answer
	if most := x.o.Verifier.TokenSize(); len(answer.Access) > most {
		return tokens, x.withhold(fmt.Errorf("an access token of %d bytes, more than max_token_size %d, which no gate would accept", len(answer.Access), most))
	}
	if tokens.refresh, deny = x.verify(answer.Refresh); deny != nil {
		return tokens, deny
	}
	if tokens.id, deny = x.verifyWaiting(ctx, answer.ID); deny != nil {
		return tokens, deny
	}
	tokens.access, deny = x.verifyWaiting(ctx, answer.Access)
	for _, issued := range tokens.all() {
		if issued.IssuedAt == 0 { // it does not say: it is as old as its login, as a grant is
			issued.IssuedAt, issued.Keys.IssuedAt = x.known.IssuedAt, x.known.IssuedAt
		}
	}
	return tokens, deny
}

// verifyWaiting is like verify, but waits for a key set that may not contain a new key yet.
//
// Attack: log in right after the issuer has changed its key. Without the key the gate
// cannot tell which session this access token belongs to. Once the gate has the key, the
// token would outlive its session.
func (x *exchange) verifyWaiting(ctx context.Context, raw string) (*token.Verified, *reply.Denial) {
	for raw != "" {
		issued, err := x.o.Verifier.VerifySignatureOnly(raw)
		if !errors.Is(err, token.ErrUnknownKey) {
			return verified(issued, err)
		}
		select {
		case <-ctx.Done():
			x.o.Logger.Error("tokens were withheld and answered 503, because the key set of their issuer does not hold their key", "error", err)
			return nil, denyUnavailable
		case <-time.After(keyPause):
		}
	}
	return nil, nil
}

// all returns the claims of the tokens that one of the gate's issuers has signed.
func (h *handedOut) all() []*token.Verified {
	return slices.DeleteFunc([]*token.Verified{h.access, h.id, h.refresh}, func(t *token.Verified) bool { return t == nil })
}

func lifetime(t *token.Verified) time.Duration {
	if t == nil || t.ExpiresAt == 0 || t.IssuedAt == 0 {
		return 0
	}
	return time.Duration(t.ExpiresAt-t.IssuedAt) * time.Second
}

// grants returns what there is to learn from an answer. These belong to one session: the
// refresh token in it, the presented token, and an access token that does not name the
// session itself.
//
// Attack: refresh while all tokens that a subject was issued up to now are revoked. The new
// tokens would be younger than that instant, and stay valid.
func (x *exchange) grants(tokens handedOut) []store.Grant {
	now := time.Now()
	base := store.Grant{
		Families: x.sessionsOf(&tokens), Subject: x.known.Subject, Issuer: x.known.Issuer,
		// A session that continues is as old as its login.
		IssuedAt: x.known.IssuedAt, AuthTime: x.loginOf(&tokens), Expires: x.o.Hub.Expires(now),
	}
	if len(base.Families) == 0 {
		return nil
	}
	for _, issued := range slices.Backward(tokens.all()) {
		base.Issuer = issued.Keys.Issuer
		if !issued.Keys.Subject.IsZero() {
			base.Subject = issued.Keys.Subject
		}
	}
	var grants []store.Grant
	for _, refresh := range []string{x.refresh, tokens.Refresh} {
		grant := base
		grant.Token = x.tokenKey(refresh)
		if refresh != "" && (len(grants) == 0 || grants[0].Token != grant.Token) {
			grants = append(grants, grant)
		}
	}
	if access := tokens.access; access != nil && !x.namesAll(access, base.Families) {
		grant := base
		grant.Token, grant.Access, grant.IssuedAt = access.Keys.Token, true, min(access.IssuedAt, base.IssuedAt)
		grant.Expires = min(base.Expires, max(access.ExpiresAt, now.Unix())+int64(hub.Margin/time.Second))
		grants = append(grants, grant)
	}
	return grants
}

// loginOf returns the second of the login that the tokens of an answer belong to, or 0 if it is
// not known. Tokens that a login issues together are of that login, also those that do not
// say so.
//
// Attack (Keycloak): refresh a stolen token of a login that was revoked, after the user has
// logged in again in the same session. The new tokens have the later `auth_time`. What
// continues a login stays in it.
func (x *exchange) loginOf(tokens *handedOut) (authTime int64) {
	if len(x.known.Families) > 0 {
		return x.known.AuthTime
	}
	for _, issued := range tokens.all() {
		if at := issued.Keys.AuthTime; at != 0 && (authTime == 0 || at < authTime) {
			authTime = at
		}
	}
	return authTime
}

// namesAll reports whether the claims of a token name all of these sessions, for every gate of
// the fleet.
//
// Attack, during a rolling upgrade: log out at an older gate, which knows no logins, and go on
// with the refresh token. So that gate has to find what was learned about the access token.
func (x *exchange) namesAll(t *token.Verified, sessions []store.Key) bool {
	login := t.Keys.Login
	if x.o.Hub.HasOlderGates() {
		login = store.Key{}
	}
	return !slices.ContainsFunc(sessions, func(k store.Key) bool { return k != t.Keys.Session && k != login })
}

// sessionsOf returns the sessions that the tokens of an answer belong to: the sessions that
// they name, and the sessions of the presented token. What continues a login stays in it,
// whatever its `auth_time`. If no token names one, the login is
// the session. Its name comes from the first refresh token of the login, so that all gates
// use the same name.
func (x *exchange) sessionsOf(tokens *handedOut) []store.Key {
	sessions := x.known.Families
	for _, issued := range tokens.all() {
		sessions = store.JoinFamilies(sessions, []store.Key{issued.Keys.Session})
		if len(x.known.Families) == 0 {
			sessions = store.JoinFamilies(sessions, []store.Key{issued.Keys.Login})
		}
	}
	first := cmp.Or(x.refresh, tokens.Refresh)
	if len(sessions) > 0 || first == "" || len(tokens.all()) == 0 {
		return sessions
	}
	issuer := tokens.all()[0].Issuer
	// No session id holds a control character.
	return []store.Key{x.o.Hub.Key(store.KindSession, issuer, "family\x00"+oauth.Name(first))}
}
