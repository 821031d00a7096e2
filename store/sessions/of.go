package sessions

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/sessiongate/sessiongate/store"
)

// Of returns the sessions of a subject, the last seen first, at most
// store.MaxSessionsOf. A session that this gate has admitted is listed at once. One
// that another gate has admitted is listed as soon as that gate has written it.
// LastSeen is at most half an hour behind, because not every admission is written. Of
// waits for the store.
func (r *Registry) Of(ctx context.Context, issuer, subject string) ([]store.Session, error) {
	// Pending sessions are read before the store is asked: a session that is written in
	// between is in the store by then.
	pending := r.pendingOf(issuer, subject)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	written, err := r.store.Of(ctx, issuer, subject)
	if err != nil {
		return nil, fmt.Errorf("listing the sessions of a subject: %w", err)
	}
	known := r.merge(written, pending, subject)
	slices.SortFunc(known, func(a, b store.Session) int {
		return cmp.Or(cmp.Compare(b.LastSeen, a.LastSeen), cmp.Compare(a.ID, b.ID))
	})
	return known[:min(len(known), store.MaxSessionsOf)], nil
}

func (r *Registry) pendingOf(issuer, subject string) map[string]store.Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	pending := make(map[string]store.Session)
	for _, s := range r.pending {
		if s.Issuer == issuer && s.Subject == subject {
			pending[s.ID] = s
		}
	}
	return pending
}

// merge joins the written and the pending sessions. If a pending session moves to
// another subject, it is listed for that subject only.
func (r *Registry) merge(written []store.Session, pending map[string]store.Session, subject string) []store.Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := make([]store.Session, 0, len(written)+len(pending))
	for _, s := range written {
		if moved, waits := r.pending[id{s.Issuer, s.ID}]; waits && moved.Subject != subject {
			continue
		}
		if noted, waits := pending[s.ID]; waits {
			s.FirstSeen = min(s.FirstSeen, noted.FirstSeen)
			s.LastSeen = max(s.LastSeen, noted.LastSeen)
			delete(pending, s.ID)
		}
		known = append(known, s)
	}
	for _, s := range pending {
		known = append(known, s)
	}
	return known
}
