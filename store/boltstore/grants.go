package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

// Learn implements store.Grants. All of it is one transaction.
func (s *Store) Learn(ctx context.Context, grants ...store.Grant) error {
	learned := slices.Clone(grants)
	for i, grant := range learned {
		if err := grant.Validate(); err != nil {
			return fmt.Errorf("learning tokens: %w", err)
		}
		// A copy, because the transaction may outlive a call that ctx ends.
		learned[i].Families = slices.Clone(grant.Families)
	}
	if len(learned) == 0 {
		return nil
	}
	now := s.options.Clock().Unix()
	err := s.change(ctx, func(tx *bolt.Tx) error {
		if err := s.accepts(); err != nil {
			return err
		}
		return learnAll(tx, learned, now)
	})
	if err != nil {
		return fmt.Errorf("learning tokens: %w", err)
	}
	return nil
}

// Known implements store.Grants.
func (s *Store) Known(ctx context.Context, tokens ...store.Key) ([]store.Grant, error) {
	var known []store.Grant
	err := s.view(ctx, func(tx *bolt.Tx) error {
		b := grantBucketsOf(tx)
		for _, token := range tokens {
			value := b.grants.Get(token[:])
			if value == nil {
				continue
			}
			grant, err := unmarshalGrant(token, value)
			if err != nil {
				return err
			}
			if grant.Expires > s.options.Clock().Unix() {
				known = append(known, grant)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking up tokens: %w", err)
	}
	return known, nil
}

// Members implements store.Grants.
func (s *Store) Members(ctx context.Context, family store.Key) ([]store.Key, error) {
	var members []store.Key
	err := s.view(ctx, func(tx *bolt.Tx) error {
		members = grantBucketsOf(tx).members(family, s.options.Clock().Unix())
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing tokens: %w", err)
	}
	return members, nil
}

// grantBuckets are the buckets of the learned tokens: the records, the access tokens by
// session, and all of them by expiry.
type grantBuckets struct{ grants, families, expiries *bolt.Bucket }

func grantBucketsOf(tx *bolt.Tx) grantBuckets {
	return grantBuckets{
		grants:   tx.Bucket([]byte(bucketGrants)),
		families: tx.Bucket([]byte(bucketFamilies)),
		expiries: tx.Bucket([]byte(bucketGrantEnds)),
	}
}

// learnAll records grants at the second now. After an error the caller must roll back
// the transaction.
func learnAll(tx *bolt.Tx, grants []store.Grant, now int64) error {
	b := grantBucketsOf(tx)
	for _, grant := range grants {
		if err := b.record(grant, now); err != nil {
			return err
		}
	}
	return nil
}

// record writes what is now known of a token.
func (b grantBuckets) record(grant store.Grant, now int64) error {
	token := grant.Token[:]
	if value := b.grants.Get(token); value != nil {
		known, err := unmarshalGrant(grant.Token, value)
		if err != nil {
			return err
		}
		if err := b.unlist(known); err != nil {
			return err
		}
		if grant = grant.After(known); len(grant.Families) > store.MaxFamilies {
			return store.ErrManyFamilies
		}
	}
	if grant.Access {
		for _, family := range grant.Families {
			if len(b.members(family, now)) >= store.MaxMembers {
				return store.ErrFullFamily
			}
			if err := b.families.Put(memberKey(family, grant), nil); err != nil {
				return err
			}
		}
	}
	return errors.Join(
		b.grants.Put(token, marshalGrant(grant)),
		b.expiries.Put(expiryIndexKey(token, grant.Expires), nil),
	)
}

// members returns the access tokens of a session that expire after the second
// now.
func (b grantBuckets) members(family store.Key, now int64) (members []store.Key) {
	cursor := b.families.Cursor()
	for key, _ := cursor.Seek(memberKey(family, store.Grant{Expires: now + 1})); bytes.HasPrefix(key, family[:]); key, _ = cursor.Next() {
		members = append(members, store.Key(key[len(key)-len(store.Key{}):]))
	}
	return members
}

// unlist removes a token from the indexes.
func (b grantBuckets) unlist(known store.Grant) error {
	err := b.expiries.Delete(expiryIndexKey(known.Token[:], known.Expires))
	if known.Access {
		for _, family := range known.Families {
			err = errors.Join(err, b.families.Delete(memberKey(family, known)))
		}
	}
	return err
}

// forgetGrants forgets the tokens that have expired longest ago, and returns how many.
func forgetGrants(tx *bolt.Tx, now int64) (int, error) {
	b := grantBucketsOf(tx)
	expired := oldest(b.expiries, now)
	for _, key := range expired {
		token := store.Key(key[len(key)-len(store.Key{}):])
		known, err := unmarshalGrant(token, b.grants.Get(token[:]))
		if err != nil {
			return 0, err
		}
		if err := errors.Join(b.unlist(known), b.grants.Delete(token[:])); err != nil {
			return 0, err
		}
	}
	return len(expired), nil
}

var _ store.Grants = (*Store)(nil)
