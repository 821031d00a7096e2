package caddymodule

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// familyPatience bounds the look-up of what belongs to a session.
const familyPatience = time.Second

// withFamilies adds to the revocation of a token that stands for its session, because
// it names none, those of the sessions that it was learned to belong to.
func (l *live) withFamilies(ctx context.Context, own store.Revocation) ([]store.Revocation, error) {
	all := []store.Revocation{own}
	if own.Kind != store.KindToken {
		return all, nil
	}
	ctx, cancel := context.WithTimeout(ctx, familyPatience)
	defer cancel()
	known, err := l.known(ctx, own.Key)
	for _, grant := range known {
		for _, family := range grant.Families {
			all = append(all, store.Revocation{Kind: store.KindSession, Key: family, Expires: own.Expires})
		}
	}
	return all, err
}

// withAllFamilies is withFamilies for several.
func (l *live) withAllFamilies(ctx context.Context, own []store.Revocation) (all []store.Revocation, err error) {
	for _, revocation := range own {
		with, err := l.withFamilies(ctx, revocation)
		if err != nil {
			return nil, fmt.Errorf("looking up the sessions of a token: %w", err)
		}
		all = append(all, with...)
	}
	return all, nil
}

// revokeMembers revokes the access tokens that belong to revoked sessions and do
// not say so themselves. It asks the store at every gate, because another one of the
// fleet may have a token endpoint.
//
// Attack: refresh while the session is being revoked. The sessions must be in force
// everywhere before their members are read: an answer of the token endpoint is
// learned first and checked afterwards, so that one of which the tokens are not
// among the members is withheld (exchange.judge).
func (l *live) revokeMembers(ctx context.Context, revoked ...store.Revocation) error {
	grants, ok := l.backend.(store.Grants)
	if !ok {
		return nil
	}
	var members []store.Revocation
	for _, session := range revoked {
		if session.Kind != store.KindSession {
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, familyPatience)
		names, err := grants.Members(bounded, session.Key)
		cancel()
		if err != nil {
			return fmt.Errorf("revoking the tokens of a session: %w", err)
		}
		for _, name := range names {
			members = append(members, store.Revocation{Kind: store.KindToken, Key: name, Expires: session.Expires})
		}
	}
	for entry := range slices.Chunk(members, store.MaxRevocations) {
		if err := l.replica.Revoke(ctx, entry...); err != nil {
			return fmt.Errorf("revoking the tokens of a session: %w", err)
		}
	}
	return nil
}
