package caddymodule

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/oauth"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
)

// handedOut is what is known of the tokens of an answer. Those that no issuer of
// ours has signed are nil.
type handedOut struct {
	oauth.Answer
	access, refresh, id *token.Verified
}

// judge learns which session the tokens of an answer belong to, and then decides
// whether they may be handed out.
//
// Invariant: learned first, checked afterwards. A revocation of a session that
// comes meanwhile is in force everywhere before the members of the session are
// read (hub.Hub.Revoke). So either it finds these tokens among them, or it was there
// before they were learned, and the check finds it.
func (x *exchange) judge(ctx context.Context, answer oauth.Answer) *reply.Denial {
	ctx = context.WithoutCancel(ctx) // a client that hangs up makes no token unknown
	tokens, deny := x.read(ctx, answer)
	if deny != nil {
		return deny
	}
	x.outlives(max(answer.RefreshLifetime, lifetime(tokens.refresh)))
	grants := x.grants(tokens)
	if len(grants) > 0 {
		ctx, cancel := context.WithTimeout(ctx, learnPatience)
		defer cancel()
		if err := x.gate.app.hub.Tokens().Learn(ctx, grants...); errors.Is(err, store.ErrManyFamilies) {
			x.gate.logger.Error("tokens that would belong to more sessions than are kept of one were withheld and answered 400",
				"key", grants[0].Families[0], "error", err)
			return denyGrantInvalid // a login that gives another token helps, and a refresh would not
		} else if err != nil {
			x.gate.logger.Error("which session tokens belong to could not be learned; they were withheld and answered 503",
				"key", grants[0].Families[0], "error", err)
			return denyGrantUnavailable
		}
	}
	var families []store.Key
	for _, grant := range grants {
		families = grant.Families
		if deny := denyGrantVerdict(x.checkGrant(grant)); deny != nil {
			return deny
		}
	}
	for _, issued := range tokens.all() {
		of := families
		if issued != tokens.refresh {
			of = nil // by its claims alone, as where it will be presented
		}
		if deny := denyGrantVerdict(x.checkIssued(issued, of)); deny != nil {
			return deny
		}
	}
	return nil
}

const (
	// learnPatience bounds the call of the store for one answer.
	learnPatience = 5 * time.Second
	// keyPatience is how long an answer waits for the key set with a new key: it
	// is fetched at most every five seconds.
	keyPatience = 8 * time.Second
	keyPause    = 100 * time.Millisecond
)

// read reads the tokens of an answer.
func (x *exchange) read(ctx context.Context, answer oauth.Answer) (tokens handedOut, deny *reply.Denial) {
	ctx, cancel := context.WithTimeout(ctx, keyPatience)
	defer cancel()
	tokens.Answer = answer
	if tokens.refresh, deny = x.issued(answer.Refresh); deny != nil {
		return tokens, deny
	}
	if tokens.id, deny = x.awaited(ctx, answer.ID); deny != nil {
		return tokens, deny
	}
	tokens.access, deny = x.awaited(ctx, answer.Access)
	return tokens, deny
}

// awaited is issued, and waits for a key that may only be new.
//
// Attack: log in right after the issuer has changed its key. The access token would
// be one of which nobody knows whose it is, until the gate has the key, and then
// outlive its session.
func (x *exchange) awaited(ctx context.Context, raw string) (*token.Verified, *reply.Denial) {
	for raw != "" {
		issued, err := x.gate.app.verifier.VerifySignatureOnly(raw)
		if !errors.Is(err, token.ErrUnknownKey) {
			return x.believe(issued, err)
		}
		select {
		case <-ctx.Done():
			x.gate.logger.Error("tokens were withheld and answered 503, because the key set of their issuer does not hold their key", "error", err)
			return nil, denyGrantUnavailable
		case <-time.After(keyPause):
		}
	}
	return nil, nil
}

// all are those tokens that an issuer of ours has signed.
func (h *handedOut) all() []*token.Verified {
	return slices.DeleteFunc([]*token.Verified{h.access, h.id, h.refresh}, func(t *token.Verified) bool { return t == nil })
}

func lifetime(t *token.Verified) time.Duration {
	if t == nil || t.ExpiresAt == 0 || t.IssuedAt == 0 {
		return 0
	}
	return time.Duration(t.ExpiresAt-t.IssuedAt) * time.Second
}

// grants are what there is to learn from an answer: that the refresh token in it,
// the one that it was given for, and an access token that does not say so itself,
// belong to one session.
//
// Attack: refresh while all that a subject was issued up to now is revoked. What is
// handed out would be younger than that, and live on.
func (x *exchange) grants(tokens handedOut) []store.Grant {
	now := time.Now()
	base := store.Grant{
		Families: x.families(&tokens), Subject: x.known.Subject, Issuer: x.known.Issuer,
		// A session that goes on is as old as its login.
		IssuedAt: x.known.IssuedAt, Expires: x.gate.app.hub.Expires(now),
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
		grant.Token = x.gate.tokenKey(refresh)
		if refresh != "" && (len(grants) == 0 || grants[0].Token != grant.Token) {
			grants = append(grants, grant)
		}
	}
	if access := tokens.access; access != nil && !slices.Equal(base.Families, []store.Key{access.Keys.Session}) {
		grant := base
		grant.Token, grant.Access, grant.IssuedAt = access.Keys.Token, true, min(access.IssuedAt, base.IssuedAt)
		grant.Expires = min(base.Expires, max(access.ExpiresAt, now.Unix())+int64(hub.Margin/time.Second))
		grants = append(grants, grant)
	}
	return grants
}

// families are the sessions that the tokens of an answer belong to: those that they
// name, and those of the tokens they were given for. Where nobody names one, the
// login is the session, and what it began with is its name. Two gates that learn
// of the same name it alike.
func (x *exchange) families(tokens *handedOut) []store.Key {
	families := x.known.Families
	for _, issued := range tokens.all() {
		families = store.JoinFamilies(families, []store.Key{issued.Keys.Session})
	}
	beginning := cmp.Or(x.refresh, tokens.Refresh)
	if len(families) > 0 || beginning == "" || len(tokens.all()) == 0 {
		return families
	}
	issuer := tokens.all()[0].Issuer
	// No session id holds a control character.
	return []store.Key{x.gate.app.hub.Key(store.KindSession, issuer, "family\x00"+oauth.Name(beginning))}
}
