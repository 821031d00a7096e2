package tokenendpoint

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/oauth"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// presentedToken is a token that a request presents.
type presentedToken struct {
	raw string
	// issued holds the claims of the token, if one of the gate's issuers has signed it;
	// else nil.
	issued *token.Verified
	// names are the names under which a gate learned the token, if it saw the token in an
	// answer.
	names []store.Key
}

// checkPresented checks the tokens that a request presents. It remembers what is known
// about the token whose session continues.
//
// Attack: a body of some bytes that costs hundreds of look-ups in the store. So all names
// of all tokens are looked up in one call.
func (x *exchange) checkPresented(ctx context.Context, parameters *oauth.Parameters) *reply.Denial {
	var tokens []presentedToken
	var names []store.Key
	for _, raw := range parameters.Tokens() {
		presented, deny := x.readPresented(raw)
		if deny != nil {
			return of(presented.issued, deny)
		}
		tokens = append(tokens, presented)
		for _, name := range presented.names {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	learned, err := x.o.Hub.Tokens().Known(ctx, names...)
	if err != nil {
		// Invariant 7: a technical failure is never "not revoked".
		if leftOut, ok := x.lookups.take(); ok {
			x.o.Logger.Error("what was learned about the tokens of a request could not be looked up", "key", names[0], "error", err, "left_out", leftOut)
		}
		return denyUnavailable
	}
	continued := parameters.Continued()
	for _, presented := range tokens {
		known, deny := x.checkToken(presented, learned)
		if deny != nil {
			return of(presented.issued, deny)
		}
		if presented.raw == continued {
			x.known = known
		}
	}
	return nil
}

// readPresented reads the claims of a token. It refuses a token that must be refused for
// its claims alone.
func (x *exchange) readPresented(raw string) (presentedToken, *reply.Denial) {
	issued, deny := x.verify(raw)
	if deny != nil {
		return presentedToken{}, deny
	}
	presented := presentedToken{raw: raw, issued: issued, names: []store.Key{x.tokenKey(raw)}}
	if issued != nil {
		presented.names = append(presented.names, issued.Keys.Token)
		deny = x.checkLifetime(raw, issued)
	}
	return presented, deny
}

// checkToken checks a token by its claims, and by what was learned when it was issued. If
// both say nothing about the token, it goes upstream. checkToken returns what is known
// about the token.
//
// A token belongs to the earliest login that its claims or the gate know of: an issuer may
// move `auth_time`. Claims that name no login say nothing about it. What was learned without
// a login belongs to none.
func (x *exchange) checkToken(presented presentedToken, learned []store.Grant) (known store.Grant, deny *reply.Denial) {
	known.IssuedAt, known.AuthTime = x.asked.Unix(), noLogin
	issued := presented.issued
	if issued != nil {
		if issued.Keys.AuthTime != 0 {
			known.AuthTime = issued.Keys.AuthTime
		}
		known.Families = store.JoinFamilies([]store.Key{issued.Keys.Session, issued.Keys.Login})
		known.Subject, known.Issuer = issued.Keys.Subject, issued.Keys.Issuer
		if issued.IssuedAt > 0 {
			known.IssuedAt = min(known.IssuedAt, issued.IssuedAt)
		}
	}
	for _, grant := range learned {
		if !slices.Contains(presented.names, grant.Token) {
			continue
		}
		if deny := denyVerdict(x.checkGrant(grant)); deny != nil {
			return known, deny
		}
		known = grant.After(known)
	}
	if known.AuthTime == noLogin {
		known.AuthTime = 0
	}
	if issued != nil {
		deny = denyVerdict(x.checkIssued(issued, known))
	}
	return known, deny
}

// noLogin is later than every login.
const noLogin = math.MaxInt64

// checkLifetime checks the times of a refresh token that one of the gate's issuers has
// signed.
//
// Invariant 4: a refresh token that lives longer than revocations are kept could outlive
// its own revocation.
func (x *exchange) checkLifetime(presented string, issued *token.Verified) *reply.Denial {
	switch {
	case presented != x.refresh:
		return nil
	case issued.IssuedAt == 0 || issued.ExpiresAt == 0:
		return denyInvalid
	case issued.ExpiresAt <= x.asked.Unix()-int64(x.o.Leeway/time.Second):
		return denyExpired
	case x.isTooLong(time.Duration(issued.ExpiresAt-issued.IssuedAt) * time.Second):
		return denyInvalid
	}
	return nil
}

// verify returns the claims of a token that one of the gate's issuers has signed. It
// returns nil for another token, and for none.
func (x *exchange) verify(raw string) (*token.Verified, *reply.Denial) {
	if raw == "" {
		return nil, nil
	}
	issued, err := x.o.Verifier.VerifySignatureOnly(raw)
	return verified(issued, err)
}

// verified maps the result of the verifier: a token that none of the gate's issuers has
// signed is nil. So is one whose `kid` no key set holds: issuers sign refresh tokens with keys
// that they do not publish.
func verified(issued *token.Verified, err error) (*token.Verified, *reply.Denial) {
	switch {
	case errors.Is(err, token.ErrUnavailable) && !errors.Is(err, token.ErrUnknownKey):
		issuer, _ := token.Named(err)
		return nil, denyUnavailable.With(reply.Detail{Issuer: issuer, Err: err})
	case err != nil:
		return nil, nil
	}
	// A token that has expired, or has no `exp`, still belongs to its session.
	issued.Keys.Expires = max(issued.Keys.Expires, time.Now().Unix()+1)
	return issued, nil
}

// check decides whether a token is revoked.
func (x *exchange) check(keys *store.Keys) replica.Verdict {
	return x.o.Hub.Check(keys, time.Now())
}

// checkIssued decides about a token by its claims. If they name no login, the one that was
// learned for it counts. If they name no session, the sessions that were learned count, too:
// one of them may be excepted when all others of its subject are revoked.
func (x *exchange) checkIssued(issued *token.Verified, learned store.Grant) replica.Verdict {
	keys := &issued.Keys
	if keys.AuthTime == 0 {
		keys.AuthTime = learned.AuthTime
	}
	if !keys.First().IsZero() || len(learned.Families) == 0 {
		return x.check(keys)
	}
	return x.checkGrant(store.Grant{
		Token: keys.Token, Families: learned.Families, Subject: keys.Subject, Issuer: keys.Issuer,
		IssuedAt: keys.IssuedAt, AuthTime: keys.AuthTime,
	})
}

// checkGrant decides about a token by what was learned. It is revoked with any of its
// sessions, and refused if it was learned before a loss. A retention that was raised since
// does not matter: the store keeps what was learned for as long as it is used.
//
// When all other sessions of its subject are revoked, the token survives if one of its
// sessions is the excepted one.
func (x *exchange) checkGrant(grant store.Grant) replica.Verdict {
	const byInstant = replica.BySubject | replica.ByIssuer
	verdict, spared := replica.Clear, len(grant.Families) == 0
	for _, session := range grant.Families {
		keys := store.Keys{
			Session: session, Token: grant.Token, Subject: grant.Subject, Issuer: grant.Issuer,
			IssuedAt: grant.IssuedAt, AuthTime: grant.AuthTime, Expires: time.Now().Unix() + 1,
		}
		one := x.check(&keys) &^ replica.Outlived
		spared = spared || one&byInstant == 0
		verdict |= one
	}
	if spared {
		verdict &^= byInstant
	}
	return verdict
}

// tokenKey names a token that is not an access token of the gate's issuers. No token id has
// the same key: ids hold no control character, and every issuer has a name.
func (e *Endpoint) tokenKey(raw string) store.Key {
	return e.o.Hub.Key(store.KindToken, "", "token\x00"+oauth.Name(raw))
}

// isTooLong reports whether a refresh token lives longer than revocations are kept. It logs
// that once.
func (x *exchange) isTooLong(lifetime time.Duration) bool {
	retention := max(x.o.Retention, x.o.Hub.Retention())
	if lifetime <= retention {
		return false
	}
	x.outlived.Do(func() {
		x.o.Logger.Warn("refresh tokens live longer than revocations are kept: those that say so themselves are refused, "+
			"and others outlive their revocation; raise retention", "after", lifetime, "configured", retention)
	})
	return true
}
