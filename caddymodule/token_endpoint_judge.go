package caddymodule

import (
	"context"
	"errors"
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
	// issued is what the token says if an issuer of ours has signed it, or nil.
	issued *token.Verified
	// names are those by which the token was learned if a gate saw it handed out.
	names []store.Key
}

// checkPresented checks the tokens that a request presents, and remembers what is known of
// the one whose session goes on.
//
// Attack: a body of some bytes that costs hundreds of look-ups in the store. All names of
// all tokens are looked up in one call.
func (x *exchange) checkPresented(ctx context.Context, parameters *oauth.Parameters) *reply.Denial {
	var tokens []presentedToken
	var names []store.Key
	for _, raw := range parameters.Tokens() {
		presented, deny := x.readPresented(raw)
		if deny != nil {
			return deny
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
	learned, err := x.gate.app.hub.Tokens().Known(ctx, names...)
	if err != nil {
		// Invariant 7: a technical failure is never "not revoked".
		x.gate.logger.Error("what was learned about the tokens of a request could not be looked up", "key", names[0], "error", err)
		return denyGrantUnavailable
	}
	continued := parameters.Continued()
	for _, presented := range tokens {
		known, deny := x.checkToken(presented, learned)
		if deny != nil {
			return deny
		}
		if presented.raw == continued {
			x.known = known
		}
	}
	return nil
}

// readPresented reads what a token says, and refuses one that is refused for that alone.
func (x *exchange) readPresented(raw string) (presentedToken, *reply.Denial) {
	issued, deny := x.issued(raw)
	if deny != nil {
		return presentedToken{}, deny
	}
	presented := presentedToken{raw: raw, issued: issued, names: []store.Key{x.gate.tokenKey(raw)}}
	if issued != nil {
		presented.names = append(presented.names, issued.Keys.Token)
		deny = x.checkLifetime(raw, issued)
	}
	return presented, deny
}

// checkToken checks a token by its claims and by what was learned when it was handed out. A
// token of which neither says anything goes up. It returns what is known of the token.
func (x *exchange) checkToken(presented presentedToken, learned []store.Grant) (known store.Grant, deny *reply.Denial) {
	known.IssuedAt = x.asked.Unix()
	issued := presented.issued
	if issued != nil {
		known.Families = store.JoinFamilies([]store.Key{issued.Keys.Session})
		known.Subject, known.Issuer = issued.Keys.Subject, issued.Keys.Issuer
		if issued.IssuedAt > 0 {
			known.IssuedAt = min(known.IssuedAt, issued.IssuedAt)
		}
	}
	for _, grant := range learned {
		if !slices.Contains(presented.names, grant.Token) {
			continue
		}
		if deny := denyGrantVerdict(x.checkGrant(grant)); deny != nil {
			return known, deny
		}
		known = grant.After(known)
	}
	if issued != nil {
		deny = denyGrantVerdict(x.checkIssued(issued, known.Families))
	}
	return known, deny
}

// checkLifetime checks the times of a refresh token that says them.
//
// Invariant 4: a refresh token that lives for longer than revocations are
// kept could outlive its own.
func (x *exchange) checkLifetime(presented string, issued *token.Verified) *reply.Denial {
	switch {
	case presented != x.refresh:
		return nil
	case issued.IssuedAt == 0 || issued.ExpiresAt == 0:
		return denyGrantInvalid
	case issued.ExpiresAt <= x.asked.Unix()-int64(time.Duration(*x.gate.app.Leeway)/time.Second):
		return denyGrantExpired
	case x.outlives(time.Duration(issued.ExpiresAt-issued.IssuedAt) * time.Second):
		return denyGrantInvalid
	}
	return nil
}

// issued reads a token that an issuer of ours has signed. It is nil for another,
// and for none.
func (x *exchange) issued(raw string) (*token.Verified, *reply.Denial) {
	if raw == "" {
		return nil, nil
	}
	issued, err := x.gate.app.verifier.VerifySignatureOnly(raw)
	return x.believe(issued, err)
}

func (x *exchange) believe(issued *token.Verified, err error) (*token.Verified, *reply.Denial) {
	switch {
	case errors.Is(err, token.ErrUnavailable):
		return nil, denyGrantUnavailable
	case err != nil:
		return nil, nil
	}
	// That it has expired, or does not say when, makes it no other session's.
	issued.Keys.Expires = max(issued.Keys.Expires, time.Now().Unix()+1)
	return issued, nil
}

// check decides about a token of whose revocation the gate is asked.
func (x *exchange) check(keys *store.Keys) replica.Verdict {
	return x.gate.app.hub.Check(keys, time.Now())
}

// checkIssued decides about a token by its claims, and by the sessions that it was
// learned to belong to if it names none: one of them may be the one that is spared
// when its subject's others are ended.
func (x *exchange) checkIssued(issued *token.Verified, families []store.Key) replica.Verdict {
	keys := &issued.Keys
	if !keys.Session.IsZero() || len(families) == 0 {
		return x.check(keys)
	}
	return x.checkGrant(store.Grant{
		Token: keys.Token, Families: families, Subject: keys.Subject, Issuer: keys.Issuer, IssuedAt: keys.IssuedAt,
	})
}

// checkGrant decides about a token by what was learned: it is revoked with any of
// its sessions, and refused if it was learned before a loss. A retention that was
// raised since says nothing about it: what is learned is kept for as long as it is
// used.
func (x *exchange) checkGrant(grant store.Grant) replica.Verdict {
	for _, family := range grant.Families {
		keys := store.Keys{
			Session: family, Token: grant.Token, Subject: grant.Subject, Issuer: grant.Issuer,
			IssuedAt: grant.IssuedAt, Expires: time.Now().Unix() + 1,
		}
		if verdict := x.check(&keys) &^ replica.Outlived; verdict != replica.Clear {
			return verdict
		}
	}
	return replica.Clear
}

// denyGrantVerdict maps what a check found to the answer of a token endpoint.
func denyGrantVerdict(verdict replica.Verdict) *reply.Denial {
	switch verdict {
	case replica.Clear:
		return nil
	case replica.Unavailable:
		return denyGrantUnavailable
	default:
		return denyGrant
	}
}

// tokenKey names a token that is no access token of ours. No token id can be
// mistaken for it: none holds a control character, and no issuer is without a name.
func (g *Gate) tokenKey(raw string) store.Key {
	return g.app.hub.Key(store.KindToken, "", "token\x00"+oauth.Name(raw))
}

// outlives reports whether a refresh token lives for longer than revocations are
// kept, and says so once.
func (x *exchange) outlives(lifetime time.Duration) bool {
	retention := max(time.Duration(x.gate.app.Retention), x.gate.app.hub.Retention())
	if lifetime <= retention {
		return false
	}
	x.gate.outlived.Do(func() {
		x.gate.logger.Warn("refresh tokens live longer than revocations are kept: those that say so themselves are refused, "+
			"and others outlive their revocation; raise retention", "after", lifetime, "configured", retention)
	})
	return true
}
