package model

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// publish appends one entry and returns the head as of that instant. All gates on its list
// must apply the entry.
func (s *Server) publish(revocations []store.Revocation) store.Head {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.checked()
	s.add(h, revocations)
	return s.least(h)
}

// add puts an entry on the log.
func (s *Server) add(h *head, revocations []store.Revocation) {
	h.seq++
	h.entries++
	log := &s.held.log
	log.last = h.seq
	written, _ := store.MarshalRevocations(revocations) // an unreadable entry has no length
	entry := record{seq: h.seq, tag: s.random.Uint64(), previous: h.tag, bytes: len(written), revocations: slices.Clone(revocations)}
	h.tag = entry.tag
	log.entries = append(log.entries, entry)
	close(s.grown)
	s.grown = make(chan struct{})
}

// read returns the entries after a position, and waits for the first of them. Only an
// entry with a later number wakes it. A waiting reader does not see that the log was
// emptied or rolled back; it learns that by a heartbeat.
func (s *Server) read(ctx context.Context, after store.Position, wait time.Duration) (store.Batch, error) {
	var over <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(max(wait, s.longest()))
		defer timer.Stop()
		over = timer.C
	}
	p, err := s.page(after)
	for err == nil && !p.more && over != nil {
		select {
		case <-p.grown:
			if last := p.batch.Head.Seq; s.last(&p) > last {
				p, err = s.page(after)
			}
		case <-over:
			over = nil
		case <-p.ended:
			return store.Batch{}, errCut
		case <-ctx.Done():
			return store.Batch{}, ctx.Err()
		}
	}
	return p.batch, err
}

// last returns the number of the last entry, and makes the page wait for the next one.
func (s *Server) last(p *page) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.grown = s.grown
	return s.held.log.last
}

func (s *Server) longest() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.minWait
}

// page is what the log holds after a position, as of one instant.
type page struct {
	batch store.Batch
	more  bool            // the head is beyond the position
	grown <-chan struct{} // the next entry
	ended <-chan struct{} // the end of the process
}

func (s *Server) page(after store.Position) (page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.checked()
	switch {
	case after == store.Position{}:
		after.Seq = h.trimmed
	case after.Generation != h.generation:
		return page{}, store.ErrGeneration
	case s.diverged(h, after):
		s.begin(h)
		return page{}, store.ErrGeneration
	case after.Seq < h.trimmed:
		return page{}, fmt.Errorf("after entry %d, held are %d to %d: %w", after.Seq, h.trimmed+1, h.seq, store.ErrGap)
	}
	p := page{more: after.Seq < h.seq, grown: s.grown, ended: s.ended}
	p.batch.Head, p.batch.Born = h.position(), h.born
	entries := s.held.log.entries
	first, _ := slices.BinarySearchFunc(entries, after.Seq+1, bySeq)
	bytes := 0
	for _, r := range entries[first:min(len(entries), first+s.batch)] {
		if len(r.revocations) == 0 {
			return page{}, fmt.Errorf("entry %d: %w", r.seq, store.ErrUnreadable)
		}
		if bytes += r.bytes; s.bytes > 0 && bytes > s.bytes && len(p.batch.Entries) > 0 {
			break
		}
		p.batch.Entries = append(p.batch.Entries, r.entry(h.generation))
	}
	return p, nil
}

func (r record) entry(generation store.Generation) store.Entry {
	return store.Entry{
		Position:    store.Position{Generation: generation, Seq: r.seq, Tag: r.tag},
		Revocations: slices.Clone(r.revocations),
	}
}

func bySeq(r record, seq uint64) int { return cmp.Compare(r.seq, seq) }

// trim forgets the expired entries at the beginning of the log. It uses the earlier of two
// clocks: the server's and that of the calling gate. An unreadable entry has no known
// expiry, so it stays, and so do all later entries.
func (s *Server) trim(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.checked()
	if s.now().Before(now) {
		now = s.now()
	}
	if now.Unix() < h.bounds.Hold {
		return
	}
	log := &s.held.log
	expired := 0
	for _, r := range log.entries {
		if len(r.revocations) == 0 || (store.Entry{Revocations: r.revocations}).Expires() > now.Unix() {
			break
		}
		h.trimmed = r.seq
		expired++
	}
	if expired > 0 {
		h.bounds.Swept = max(h.bounds.Swept, now.Unix())
	}
	h.entries -= expired
	log.entries = slices.Clone(log.entries[expired:])
	for id, session := range s.held.sessions {
		if session.Expires <= now.Unix() {
			delete(s.held.sessions, id)
		}
	}
}
