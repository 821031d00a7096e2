package caddymodule

import (
	"context"
	"errors"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/oauth"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// present checks a token that a request presents: by its claims if an issuer of
// ours has signed it, and by what was learned when it was handed out. One of which
// neither says anything goes up. It returns what is known of the token.
func (x *exchange) present(ctx context.Context, presented string) (all store.Grant, deny *denial) {
	all.IssuedAt = x.asked.Unix()
	issued, deny := x.issued(presented)
	if deny != nil {
		return all, deny
	}
	names := []store.Key{x.gate.tokenKey(presented)}
	if issued != nil {
		if deny := x.checkLifetime(presented, issued); deny != nil {
			return all, deny
		}
		all.Families = store.JoinFamilies([]store.Key{issued.Keys.Session})
		all.Subject, all.Issuer = issued.Keys.Subject, issued.Keys.Issuer
		if issued.IssuedAt > 0 {
			all.IssuedAt = min(all.IssuedAt, issued.IssuedAt)
		}
		names = append(names, issued.Keys.Token)
	}
	known, deny := x.learned(ctx, names)
	if deny != nil {
		return all, deny
	}
	for _, grant := range known {
		if deny := denyGrantVerdict(x.checkGrant(grant)); deny != nil {
			return all, deny
		}
		all = grant.After(all)
	}
	if issued != nil {
		deny = denyGrantVerdict(x.checkIssued(issued, all.Families))
	}
	return all, deny
}

// learned looks up what was learned about a token by its names.
func (x *exchange) learned(ctx context.Context, names []store.Key) ([]store.Grant, *denial) {
	known, err := x.live.known(ctx, names...)
	if err != nil {
		// Invariant 7 (DESIGN): a technical failure is never "not revoked".
		x.gate.logger.Error("what was learned about a token could not be looked up", "key", names[0], "error", err)
		return nil, denyGrantUnavailable
	}
	return known, nil
}

// checkLifetime checks the times of a refresh token that says them.
//
// Invariant 4 (DESIGN): a refresh token that lives for longer than revocations are
// kept could outlive its own.
func (x *exchange) checkLifetime(presented string, issued *token.Verified) *denial {
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
func (x *exchange) issued(raw string) (*token.Verified, *denial) {
	if raw == "" {
		return nil, nil
	}
	issued, err := x.gate.app.verifier.Issued(raw)
	return x.believe(issued, err)
}

func (x *exchange) believe(issued *token.Verified, err error) (*token.Verified, *denial) {
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
	return x.gate.app.shared.check(keys, time.Now())
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
// its sessions.
func (x *exchange) checkGrant(grant store.Grant) replica.Verdict {
	for _, family := range grant.Families {
		keys := store.Keys{
			Session: family, Token: grant.Token, Subject: grant.Subject, Issuer: grant.Issuer,
			IssuedAt: grant.IssuedAt, Expires: time.Now().Unix() + 1,
		}
		if verdict := x.check(&keys); verdict != replica.Clear {
			return verdict
		}
	}
	return replica.Clear
}

// denyGrantVerdict maps what a check found to the answer of a token endpoint.
func denyGrantVerdict(verdict replica.Verdict) *denial {
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
	return g.app.key(store.KindToken, "", "token\x00"+oauth.Name(raw))
}

// outlives reports whether a refresh token lives for longer than revocations are
// kept, and says so once.
func (x *exchange) outlives(lifetime time.Duration) bool {
	retention := max(time.Duration(x.gate.app.Retention), x.live.replica.Retention())
	if lifetime <= retention {
		return false
	}
	x.gate.outlived.Do(func() {
		x.gate.logger.Warn("refresh tokens live longer than revocations are kept: those that say so themselves are refused, "+
			"and others outlive their revocation; raise retention", "after", lifetime, "configured", retention)
	})
	return true
}
