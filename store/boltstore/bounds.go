package boltstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

// Retain implements store.Local.
//
// What is remembered is counted by the later of the two clocks, the wall clock and
// the store's own, and what was forgotten by the earlier: no entry was forgotten
// that had not expired by both.
func (s *Store) Retain(ctx context.Context, retention, margin time.Duration) (store.Bounds, error) {
	wall, own := s.clock().Unix(), s.own.now()
	kept := int64(retention / time.Second)
	var h head
	err := s.change(ctx, func(tx *bolt.Tx) (err error) {
		if h, err = loadHead(tx); err != nil {
			return err
		}
		if kept <= h.retention {
			return errUnchanged
		}
		if h.retention > 0 {
			h.bounds = h.bounds.Join(store.Bounds{
				Hold:      max(wall, own) + kept + int64(margin/time.Second),
				Forgotten: min(wall, own) - h.retention,
			})
		}
		h.retention, h.clock = kept, own
		return saveHead(tx, h)
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		return store.Bounds{}, fmt.Errorf("setting the retention: %w", err)
	}
	return h.bounds, nil
}

// settle compares a database that was just opened with its marker. If the database
// may have lost revocations, it raises the floor: all tokens issued until now are
// refused.
func (s *Store) settle(h head) error {
	m, found, err := readMarker(s.path)
	if err != nil {
		return err
	}
	if m.generation != h.generation && m.generation != 0 {
		return advise(s.path, damagef("it is another database than %q was written for", markerPath(s.path)))
	}
	was := h
	h.bounds = h.bounds.Join(m.bounds)
	reason, err := s.loss(h, m, found)
	switch {
	case err != nil:
		return err
	case reason != "":
		h.bounds.Floor = max(h.bounds.Floor, s.clock().Add(s.options.Leeway).Unix())
		s.logger.Error("revocations may be lost; all tokens issued until now are refused, and users have to log in again",
			"reason", reason, "path", s.path)
	case !found:
		s.logger.Info("a new store was created, in which nothing is revoked; if there was one before, "+
			"stop the gate and run caddy session-gate repair --restored", "path", s.path)
	}
	if m.restored { // and the clock of this machine is right, the operator says
		h.bounds.Swept, h.clock = 0, 0
	}
	s.own.start(time.Unix(h.clock, 0))
	if h.seq == 0 || h.clock == 0 {
		s.own.start(s.clock())
		h.clock = max(s.clock().Unix(), 0)
	}
	if h != was {
		if err := s.use(func() error { return s.db.Update(func(tx *bolt.Tx) error { return saveHead(tx, h) }) }); err != nil {
			return err
		}
	}
	// The marker comes last: until then, the next start comes to the same conclusion.
	if s.marked = m; m.seq == 0 { // there may be none that can be overwritten
		if err := writeMarker(s.path, markerOf(h).text()); err != nil {
			return err
		}
	}
	if s.marker, err = os.OpenFile(markerPath(s.path), os.O_WRONLY, 0); err != nil {
		return err
	}
	return s.advance(h)
}

// loss says why a database may have lost revocations, and nothing if it has not.
func (s *Store) loss(h head, m marker, found bool) (reason string, err error) {
	older, err := s.older(h, m)
	switch {
	case m.restored:
		reason = "an operator has put the file back or repaired it"
	case older:
		reason = "the file is older than its marker: an earlier copy was put back, or the disk has lost what it had confirmed"
	case m.generation == 0 && (found || h.seq > 0):
		reason = "the marker is missing or damaged, so nobody can tell whether the file is an earlier copy"
	case s.clock().Unix() < h.bounds.Swept-int64(s.options.Skew/time.Second):
		reason = fmt.Sprintf("the clock of this machine is behind %v, by which expired revocations were forgotten; set it right; "+
			"if it is right now and was ahead before, stop the gate and run caddy session-gate repair --restored", time.Unix(h.bounds.Swept, 0).UTC())
	}
	return reason, err
}

// older reports whether a database lacks what its marker says that it holds: it is
// shorter, or the last entry that the marker knows is another.
func (s *Store) older(h head, m marker) (bool, error) {
	if h.seq <= m.seq || m.seq <= h.trimmed || m.tag == 0 {
		return h.seq < m.seq || h.seq == m.seq && m.tag != 0 && h.tag != m.tag, nil
	}
	var tag uint64
	err := s.view(context.Background(), func(tx *bolt.Tx) error {
		tag = binary.BigEndian.Uint64(tx.Bucket([]byte(bucketLog)).Get(seqKey(m.seq))[sumSize:]) // Open has verified it
		return nil
	})
	return tag != m.tag, err
}

var _ store.Local = (*Store)(nil)
