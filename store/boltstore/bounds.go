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
// What is kept is counted by the later of the two clocks, the wall clock and the
// store's own. What was forgotten is counted by the earlier one: every forgotten entry
// had expired by both.
func (s *Store) Retain(ctx context.Context, retention, margin time.Duration) (time.Duration, store.Bounds, error) {
	wall, own := s.options.Clock().Unix(), s.own.now()
	kept := int64(retention / time.Second)
	h, err := s.amend(ctx, func(h *head) {
		if 0 < h.retention && h.retention < kept {
			h.bounds = h.bounds.Join(store.Bounds{
				Hold:      max(wall, own) + kept + int64(margin/time.Second),
				Forgotten: min(wall, own) - h.retention,
			})
		}
		h.retention = max(h.retention, kept)
	})
	if err != nil {
		return 0, store.Bounds{}, fmt.Errorf("setting the retention: %w", err)
	}
	return time.Duration(h.retention) * time.Second, h.bounds, nil
}

// LowerFloor implements store.Local.
func (s *Store) LowerFloor(ctx context.Context) error {
	if _, err := s.amend(ctx, func(h *head) { h.bounds.Floor = 0 }); err != nil {
		return fmt.Errorf("lowering the floor: %w", err)
	}
	return nil
}

// amend changes the head, and commits it if it differs.
func (s *Store) amend(ctx context.Context, change func(h *head)) (head, error) {
	var h head // the transaction may outlive a call that ctx ends
	err := s.change(ctx, func(tx *bolt.Tx) error {
		was, err := loadHead(tx)
		if h = was; err != nil {
			return err
		}
		if change(&h); h == was {
			return errUnchanged
		}
		return saveHead(tx, h)
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		return head{}, err
	}
	return h, nil
}

// settle compares a database that was just opened with its marker. If the database
// may have lost revocations, it raises the floor: all tokens issued until now are
// refused.
func (s *Store) settle(h head) error {
	m, found, err := readMarker(s.options.Path)
	if err != nil {
		return err
	}
	if m.generation != h.generation && m.generation != 0 {
		return advise(s.options.Path, damagef("%q belongs to another database", markerPath(s.options.Path)))
	}
	was := h
	h.bounds = h.bounds.Join(m.bounds)
	reason, err := s.loss(h, m, found)
	switch {
	case err != nil:
		return err
	case reason != "":
		h.bounds.Floor = max(h.bounds.Floor, s.options.Clock().Add(s.options.Leeway).Unix())
		s.options.Logger.Error("revocations may be lost; all tokens issued until now are refused, and users have to log in again",
			"reason", reason, "path", s.options.Path)
	case !found:
		s.options.Logger.Info("a new store was created, in which nothing is revoked; if there was one before, "+
			"stop the gate and run caddy session-gate repair --restored", "path", s.options.Path)
	}
	if m.restored { // the operator confirmed that the clock of this machine is right
		h.bounds.Swept, h.clock = 0, 0
	}
	s.own.start(time.Unix(h.clock, 0))
	if h.seq == 0 || h.clock == 0 {
		s.own.start(s.options.Clock())
		h.clock = max(s.options.Clock().Unix(), 0)
	}
	if h != was {
		if err := s.use(func() error { return s.db.Update(func(tx *bolt.Tx) error { return saveHead(tx, h) }) }); err != nil {
			return err
		}
	}
	// The marker comes last: until then, the next start comes to the same conclusion.
	if s.marked = m; m.seq == 0 { // there may be no marker to overwrite
		if err := writeMarker(s.options.Path, markerOf(h).text()); err != nil {
			return err
		}
	}
	if s.marker, err = os.OpenFile(markerPath(s.options.Path), os.O_WRONLY, 0); err != nil {
		return err
	}
	return s.advance(h)
}

// loss returns why a database may have lost revocations, or an empty text if it has not.
func (s *Store) loss(h head, m marker, found bool) (reason string, err error) {
	older, err := s.older(h, m)
	switch {
	case m.restored:
		reason = "an operator has put the file back or repaired it"
	case older:
		reason = "the file is older than its marker: an earlier copy was put back, or the disk has lost confirmed data"
	case m.generation == 0 && (found || h.seq > 0):
		reason = "the marker is missing or damaged, so the file may be an earlier copy"
	case s.options.Clock().Unix() < h.bounds.Swept-int64(s.options.Skew/time.Second):
		reason = fmt.Sprintf("the clock of this machine is behind %v, by which expired revocations were forgotten; set it right; "+
			"if it is right now and was ahead before, stop the gate and run caddy session-gate repair --restored", time.Unix(h.bounds.Swept, 0).UTC())
	}
	return reason, err
}

// older reports whether a database lacks entries that its marker names: it is shorter,
// or the last entry that the marker knows is another.
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
