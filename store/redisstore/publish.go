package redisstore

import (
	"context"
	"fmt"

	"github.com/sessiongate/sessiongate/store"
)

// Append implements store.Store. It is one round trip, and is never retried here.
func (s *Store) Append(ctx context.Context, revocations ...store.Revocation) (store.Position, error) {
	head, err := s.publish(ctx, "appending to redis", revocations)
	return head.Position, err
}

// Publish implements store.Fleet. It is one round trip, and is never retried here.
func (s *Store) Publish(ctx context.Context, revocations ...store.Revocation) (store.Head, error) {
	return s.publish(ctx, "publishing to redis", revocations)
}

func (s *Store) publish(ctx context.Context, doing string, revocations []store.Revocation) (store.Head, error) {
	record, err := newRecord(revocations)
	if err != nil {
		return store.Head{}, fmt.Errorf("%s: %w", doing, err)
	}
	return s.head(ctx, doing, publishScript, record)
}
