package memstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/sessiongate/sessiongate/store"
)

// grants holds the tokens that were learned, and the access tokens among them by
// session.
type grants struct {
	tokens  map[store.Key]store.Grant
	members map[store.Key]map[store.Key]struct{}
}

func newGrants() grants {
	return grants{
		tokens:  make(map[store.Key]store.Grant),
		members: make(map[store.Key]map[store.Key]struct{}),
	}
}

// Learn implements store.Grants.
func (s *Store) Learn(ctx context.Context, learned ...store.Grant) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("learning tokens: %w", err)
	}
	for _, grant := range learned {
		if err := grant.Validate(); err != nil {
			return fmt.Errorf("learning tokens: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return fmt.Errorf("learning tokens: %w", store.ErrClosed)
	}
	now := s.clock().Unix()
	joined := make(map[store.Key]store.Grant, len(learned))
	for _, grant := range learned {
		known, ok := joined[grant.Token]
		if !ok {
			known, ok = s.grants.tokens[grant.Token]
		}
		if grant.Families = slices.Clone(grant.Families); ok {
			grant = grant.After(known)
		}
		switch joined[grant.Token] = grant; {
		case len(grant.Families) > store.MaxFamilies:
			return fmt.Errorf("learning tokens: %w", store.ErrManyFamilies)
		case s.grants.full(grant, now):
			return fmt.Errorf("learning tokens: %w", store.ErrFullFamily)
		}
	}
	for _, grant := range joined {
		s.grants.add(grant)
	}
	return nil
}

// full reports whether a family of an access token has no room for it.
func (g grants) full(grant store.Grant, now int64) bool {
	return grant.Access && slices.ContainsFunc(grant.Families, func(family store.Key) bool {
		_, member := g.members[family][grant.Token]
		return !member && len(g.of(family, now)) >= store.MaxMembers
	})
}

// add records what is now known about a token.
func (g grants) add(grant store.Grant) {
	g.tokens[grant.Token] = grant
	if !grant.Access {
		return
	}
	for _, family := range grant.Families {
		if g.members[family] == nil {
			g.members[family] = make(map[store.Key]struct{})
		}
		g.members[family][grant.Token] = struct{}{}
	}
}

// of returns the members of a family that have not expired.
func (g grants) of(family store.Key, now int64) (members []store.Key) {
	for member := range g.members[family] {
		if g.tokens[member].Expires > now {
			members = append(members, member)
		}
	}
	return members
}

// forget forgets what has expired.
func (g grants) forget(now int64) {
	for token, grant := range g.tokens {
		if grant.Expires > now {
			continue
		}
		delete(g.tokens, token)
		for _, family := range grant.Families {
			delete(g.members[family], token)
			if len(g.members[family]) == 0 {
				delete(g.members, family)
			}
		}
	}
}

// Known implements store.Grants.
func (s *Store) Known(ctx context.Context, tokens ...store.Key) ([]store.Grant, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("looking up tokens: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return nil, fmt.Errorf("looking up tokens: %w", store.ErrClosed)
	}
	var known []store.Grant
	for _, token := range tokens {
		if grant, ok := s.grants.tokens[token]; ok && grant.Expires > s.clock().Unix() {
			grant.Families = slices.Clone(grant.Families)
			known = append(known, grant)
		}
	}
	return known, nil
}

// Members implements store.Grants.
func (s *Store) Members(ctx context.Context, family store.Key) ([]store.Key, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("listing tokens: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return nil, fmt.Errorf("listing tokens: %w", store.ErrClosed)
	}
	return s.grants.of(family, s.clock().Unix()), nil
}

var _ store.Grants = (*Store)(nil)
