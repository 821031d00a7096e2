package caddymodule

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/oauth"
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
// read (live.revoke). So either it finds these tokens among them, or it was there
// before they were learned, and the check finds it.
func (x *exchange) judge(ctx context.Context, answer oauth.Answer) *denial {
	// A client that hangs up makes no token unknown.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grantPatience)
	defer cancel()
	tokens := handedOut{Answer: answer}
	for raw, issued := range map[*string]**token.Verified{
		&tokens.Access: &tokens.access, &tokens.Refresh: &tokens.refresh, &tokens.ID: &tokens.id,
	} {
		var deny *denial
		if *issued, deny = x.issued(*raw); deny != nil {
			return deny
		}
	}
	x.outlives(max(answer.RefreshLifetime, lifetime(tokens.refresh)))
	grants := x.grants(tokens)
	if len(grants) > 0 {
		if err := x.live.learn(ctx, grants...); err != nil {
			x.gate.logger.Error("which session tokens belong to could not be learned; they were withheld and answered 503",
				"key", grants[0].Families[0], "error", err)
			return denyGrantUnavailable
		}
	}
	for _, issued := range tokens.all() {
		if deny := denyVerdict(x.check(&issued.Keys)); deny != nil {
			return deny
		}
	}
	for _, grant := range grants {
		if deny := denyVerdict(x.checkGrant(grant)); deny != nil {
			return deny
		}
	}
	return nil
}

// grantPatience bounds the calls of the store for one answer.
const grantPatience = 5 * time.Second

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
func (x *exchange) grants(tokens handedOut) []store.Grant {
	now := time.Now()
	base := store.Grant{
		Families: x.families(&tokens), Subject: x.known.Subject, Issuer: x.known.Issuer,
		IssuedAt: x.asked.Unix(), Expires: x.gate.app.expires(now),
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
		grant.Expires = min(base.Expires, max(access.ExpiresAt, now.Unix())+int64((2*maxLeeway+clockSkew)/time.Second))
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
	return []store.Key{x.gate.app.key(store.KindSession, issuer, "family\x00"+oauth.Name(beginning))}
}

// errNoGrants: a store from elsewhere that cannot keep what is learned.
var errNoGrants = errors.New("the store does not keep what is learned about tokens")

func (l *live) known(ctx context.Context, names ...store.Key) ([]store.Grant, error) {
	if grants, ok := l.backend.(store.Grants); ok {
		return grants.Known(ctx, names...)
	}
	return nil, nil
}

func (l *live) learn(ctx context.Context, learned ...store.Grant) error {
	if grants, ok := l.backend.(store.Grants); ok {
		return grants.Learn(ctx, learned...)
	}
	return errNoGrants
}
