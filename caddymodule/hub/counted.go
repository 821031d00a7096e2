package hub

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// countedSessions counts the failed calls of a store for sessions.
type countedSessions struct {
	store.Sessions
	failed *atomic.Uint64
}

func (s countedSessions) Seen(ctx context.Context, sessions ...store.Session) error {
	return called(s.failed, s.Sessions.Seen(ctx, sessions...))
}

func (s countedSessions) Owner(ctx context.Context, issuer, id string) (subject string, err error) {
	subject, err = s.Sessions.Owner(ctx, issuer, id)
	return subject, called(s.failed, err)
}

func (s countedSessions) Of(ctx context.Context, issuer, subject string) ([]store.Session, error) {
	sessions, err := s.Sessions.Of(ctx, issuer, subject)
	return sessions, called(s.failed, err)
}

// countedTokens counts the failed calls of a store for learned tokens.
type countedTokens struct {
	store.Grants
	failed *atomic.Uint64
}

func (t countedTokens) Learn(ctx context.Context, grants ...store.Grant) error {
	return called(t.failed, t.Grants.Learn(ctx, grants...))
}

func (t countedTokens) Known(ctx context.Context, tokens ...store.Key) ([]store.Grant, error) {
	grants, err := t.Grants.Known(ctx, tokens...)
	return grants, called(t.failed, err)
}

func (t countedTokens) Members(ctx context.Context, family store.Key) ([]store.Key, error) {
	names, err := t.Grants.Members(ctx, family)
	return names, called(t.failed, err)
}

// called counts an error, unless it is an answer, and returns it.
func called(failed *atomic.Uint64, err error) error {
	full := errors.Is(err, store.ErrFullFamily) || errors.Is(err, store.ErrManyFamilies)
	if replica.IsFailure(err) && !full {
		failed.Add(1)
	}
	return err
}
