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

// How many sessions or tokens one transaction records, or forgets, at most. The keys of
// each lie all over the file, so a transaction of 1024 took 48 ms, and one of 256 took
// 18 ms. An append may have to wait for it.
const (
	seenSessions   = 256
	forgetSessions = 256
)

// Seen implements store.Sessions. Up to 256 sessions are one transaction,
// and after an error some may be recorded.
func (s *Store) Seen(ctx context.Context, sessions ...store.Session) error {
	for _, session := range sessions {
		if min(session.FirstSeen, session.LastSeen, session.Expires) < 0 {
			return errors.New("recording sessions: a time is before 1970")
		}
	}
	// A copy, because the transaction may outlive a call that ctx ends.
	for batch := range slices.Chunk(slices.Clone(sessions), seenSessions) {
		err := s.change(ctx, func(tx *bolt.Tx) error { return s.recordSeen(tx, batch) })
		if err != nil {
			return fmt.Errorf("recording sessions: %w", err)
		}
	}
	return nil
}

// Owner implements store.Sessions.
func (s *Store) Owner(ctx context.Context, issuer, id string) (string, error) {
	var found store.Session
	err := s.view(ctx, func(tx *bolt.Tx) (err error) {
		value := bucketsOf(tx).sessions.Get(sessionKey(issuer, id))
		if value == nil {
			return store.ErrUnknownSession
		}
		if found, err = unmarshalSession(value); err != nil {
			return err
		}
		if found.Issuer != issuer || found.ID != id || found.Expires <= s.options.Clock().Unix() {
			return store.ErrUnknownSession
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("looking up session: %w", err)
	}
	return found.Subject, nil
}

// Of implements store.Sessions.
func (s *Store) Of(ctx context.Context, issuer, subject string) ([]store.Session, error) {
	var of []store.Session
	err := s.view(ctx, func(tx *bolt.Tx) error {
		b := bucketsOf(tx)
		now, prefix := s.options.Clock().Unix(), subjectKey(issuer, subject)
		cursor := b.subjects.Cursor()
		for key, _ := cursor.Seek(prefix); bytes.HasPrefix(key, prefix); key, _ = cursor.Next() {
			session, err := unmarshalSession(b.sessions.Get(key[len(key)-len(store.Key{}):]))
			if err != nil {
				return err
			}
			if session.Issuer != issuer || session.Subject != subject || session.Expires <= now {
				continue
			}
			if of = append(of, session); len(of) == s.options.Sessions.Subject {
				break
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing sessions: %w", err)
	}
	return of, nil
}

// sessionBuckets are the buckets of the sessions: the records, and for each record two
// keys in one index and one in the other.
type sessionBuckets struct {
	sessions, subjects, expiries *bolt.Bucket
	// grown is by how many sessions the index of all has grown in this transaction.
	grown int
}

func bucketsOf(tx *bolt.Tx) *sessionBuckets {
	return &sessionBuckets{
		sessions: tx.Bucket([]byte(bucketSessions)),
		subjects: tx.Bucket([]byte(bucketSubjects)),
		expiries: tx.Bucket([]byte(bucketExpiries)),
	}
}

// record writes what is now known of a session, and reports whether its subject has one
// more.
func (b *sessionBuckets) record(session store.Session) (added bool, err error) {
	id := sessionKey(session.Issuer, session.ID)
	added = true
	if value := b.sessions.Get(id); value != nil {
		known, err := unmarshalSession(value)
		if err != nil {
			return false, err
		}
		session.FirstSeen = min(session.FirstSeen, known.FirstSeen)
		session.LastSeen = max(session.LastSeen, known.LastSeen)
		session.Expires = max(session.Expires, known.Expires)
		added = session.Subject != known.Subject
		if err := b.unlist(id, known); err != nil {
			return false, err
		}
	}
	b.grown++
	return added, errors.Join(
		b.sessions.Put(id, marshalSession(session)),
		b.subjects.Put(subjectIndexKey(id, session), nil),
		b.subjects.Put(ageIndexKey(id, session.LastSeen), nil),
		b.expiries.Put(expiryIndexKey(id, session.Expires), nil),
	)
}

// unlist removes a session from the indexes.
func (b *sessionBuckets) unlist(id []byte, known store.Session) error {
	b.grown--
	return errors.Join(
		b.subjects.Delete(subjectIndexKey(id, known)),
		b.subjects.Delete(ageIndexKey(id, known.LastSeen)),
		b.expiries.Delete(expiryIndexKey(id, known.Expires)),
	)
}

// forget deletes a session.
func (b *sessionBuckets) forget(id []byte) error {
	known, err := unmarshalSession(b.sessions.Get(id))
	if err != nil {
		return err
	}
	return errors.Join(b.unlist(id, known), b.sessions.Delete(id))
}

// oldest returns the keys in an index by expiry that had expired at the second now,
// as many as one transaction forgets.
func oldest(expiries *bolt.Bucket, now int64) (expired [][]byte) {
	cursor, end := expiries.Cursor(), expiryIndexKey(nil, now+1)
	for key, _ := cursor.First(); key != nil && bytes.Compare(key, end) < 0; key, _ = cursor.Next() {
		// A cursor does not survive a deletion, and neither would the key.
		if expired = append(expired, bytes.Clone(key)); len(expired) == forgetSessions {
			break
		}
	}
	return expired
}

// forgetExpired forgets the sessions and tokens that have expired longest ago.
func (s *Store) forgetExpired(tx *bolt.Tx, by int64) (more bool, err error) {
	sessions, err := s.forgetSeen(tx, by)
	if err != nil {
		return false, err
	}
	tokens, err := forgetGrants(tx, by)
	if err == nil && sessions+tokens == 0 {
		err = errUnchanged
	}
	return max(sessions, tokens) == forgetSessions, err
}

// forgetSeen forgets the sessions that have expired longest ago, and returns how many.
func (s *Store) forgetSeen(tx *bolt.Tx, now int64) (int, error) {
	b := bucketsOf(tx)
	expired := oldest(b.expiries, now)
	for _, key := range expired {
		if err := b.forget(key[len(key)-len(store.Key{}):]); err != nil {
			return 0, err
		}
	}
	tx.OnCommit(func() { s.listed += b.grown })
	return len(expired), nil
}
