package memstore

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"slices"

	"github.com/sessiongate/sessiongate/store"
)

type (
	sessionID struct{ issuer, id string }
	subjectID struct{ issuer, subject string }
)

// known is a session that is kept, and its place among the oldest.
type known struct {
	store.Session
	place int
}

func (k *known) id() sessionID      { return sessionID{k.Issuer, k.ID} }
func (k *known) subject() subjectID { return subjectID{k.Issuer, k.Subject} }

// registry holds the kept sessions: by id, by subject, and by when they were last seen.
type registry struct {
	limits   store.SessionLimits
	sessions map[sessionID]*known
	subjects map[subjectID]map[*known]struct{}
	oldest   byAge
}

func newRegistry(limits store.SessionLimits) registry {
	return registry{
		limits:   limits.OrDefault(),
		sessions: make(map[sessionID]*known),
		subjects: make(map[subjectID]map[*known]struct{}),
	}
}

// record records a session, and then deletes the oldest beyond the limits.
func (r *registry) record(session store.Session) {
	k := &known{Session: session}
	if before, ok := r.sessions[k.id()]; ok {
		k.FirstSeen = min(k.FirstSeen, before.FirstSeen)
		k.LastSeen = max(k.LastSeen, before.LastSeen)
		k.Expires = max(k.Expires, before.Expires)
		r.remove(before)
	}
	r.sessions[k.id()] = k
	of := r.subjects[k.subject()]
	if of == nil {
		of = make(map[*known]struct{})
		r.subjects[k.subject()] = of
	}
	of[k] = struct{}{}
	heap.Push(&r.oldest, k)
	if len(of) > r.limits.Subject {
		r.remove(oldestOf(of))
	}
	if len(r.oldest) > r.limits.Total {
		r.remove(r.oldest[0])
	}
}

// oldestOf returns the session that was seen longest ago.
func oldestOf(of map[*known]struct{}) (oldest *known) {
	for k := range of {
		if oldest == nil || k.LastSeen < oldest.LastSeen {
			oldest = k
		}
	}
	return oldest
}

func (r *registry) remove(k *known) {
	delete(r.sessions, k.id())
	delete(r.subjects[k.subject()], k)
	if len(r.subjects[k.subject()]) == 0 {
		delete(r.subjects, k.subject())
	}
	heap.Remove(&r.oldest, k.place)
}

// forget forgets what has expired.
func (r *registry) forget(now int64) {
	for _, k := range r.sessions {
		if k.Expires <= now {
			r.remove(k)
		}
	}
}

// byAge is a heap of sessions: the one that was seen longest ago is the first.
type byAge []*known

func (b byAge) Len() int           { return len(b) }
func (b byAge) Less(i, j int) bool { return b[i].LastSeen < b[j].LastSeen }

func (b byAge) Swap(i, j int) {
	b[i], b[j] = b[j], b[i]
	b[i].place, b[j].place = i, j
}

// Push implements heap.Interface.
func (b *byAge) Push(session any) {
	k := session.(*known)
	k.place = len(*b)
	*b = append(*b, k)
}

// Pop implements heap.Interface.
func (b *byAge) Pop() any {
	last := len(*b) - 1
	k := (*b)[last]
	(*b)[last] = nil
	*b = (*b)[:last]
	return k
}

// Seen implements store.Sessions.
func (s *Store) Seen(_ context.Context, sessions ...store.Session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return fmt.Errorf("recording sessions: %w", store.ErrClosed)
	}
	for _, session := range sessions {
		s.registry.record(session)
	}
	return nil
}

// Owner implements store.Sessions.
func (s *Store) Owner(_ context.Context, issuer, id string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return "", fmt.Errorf("looking up session: %w", store.ErrClosed)
	}
	session, ok := s.registry.sessions[sessionID{issuer, id}]
	if !ok || session.Expires <= s.clock().Unix() {
		return "", fmt.Errorf("looking up session: %w", store.ErrUnknownSession)
	}
	return session.Subject, nil
}

// Of implements store.Sessions.
func (s *Store) Of(_ context.Context, issuer, subject string) ([]store.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return nil, fmt.Errorf("listing sessions: %w", store.ErrClosed)
	}
	var of []store.Session
	for session := range s.registry.subjects[subjectID{issuer, subject}] {
		if session.Expires > s.clock().Unix() {
			of = append(of, session.Session)
		}
	}
	slices.SortFunc(of, func(a, b store.Session) int {
		return cmp.Or(cmp.Compare(b.LastSeen, a.LastSeen), cmp.Compare(a.ID, b.ID))
	})
	return of, nil
}
