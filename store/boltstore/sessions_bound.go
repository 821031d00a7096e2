package boltstore

import (
	"bytes"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

// deleteSessions is how many sessions of one subject, and how many of all, one
// transaction of Seen deletes at most: more than it can add.
const deleteSessions = 2 * seenSessions

// recordSeen records sessions in one transaction, and then deletes those seen
// longest ago beyond the limits. Only the writer calls it.
func (s *Store) recordSeen(tx *bolt.Tx, sessions []store.Session) error {
	b := bucketsOf(tx)
	grown := make(map[string]struct{})
	for _, session := range sessions {
		added, err := b.record(session)
		if err != nil {
			return err
		}
		if added {
			grown[string(subjectKey(session.Issuer, session.Subject))] = struct{}{}
		}
	}
	for subject := range grown {
		if err := b.boundSubject([]byte(subject), s.options.Sessions.Subject); err != nil {
			return err
		}
	}
	if err := b.boundAll(s.listed + b.grown - s.options.Sessions.Total); err != nil {
		return err
	}
	tx.OnCommit(func() { s.listed += b.grown })
	return nil
}

// boundSubject deletes the sessions of a subject beyond a limit.
func (b *sessionBuckets) boundSubject(subject []byte, limit int) error {
	var over [][]byte
	cursor := b.subjects.Cursor()
	for key, _ := cursor.Seek(subject); bytes.HasPrefix(key, subject) && len(over) < deleteSessions; key, _ = cursor.Next() {
		if limit--; limit < 0 {
			over = append(over, bytes.Clone(key[len(key)-len(store.Key{}):])) // a cursor does not survive a deletion
		}
	}
	for _, id := range over {
		if err := b.forget(id); err != nil {
			return err
		}
	}
	return nil
}

// boundAll deletes the given number of all sessions, but at most deleteSessions.
func (b *sessionBuckets) boundAll(over int) error {
	var ids [][]byte
	cursor := b.subjects.Cursor()
	for key, _ := cursor.Seek(allSessions); bytes.HasPrefix(key, allSessions) && len(ids) < min(over, deleteSessions); key, _ = cursor.Next() {
		ids = append(ids, bytes.Clone(key[len(key)-len(store.Key{}):]))
	}
	for _, id := range ids {
		if err := b.forget(id); err != nil {
			return err
		}
	}
	return nil
}
