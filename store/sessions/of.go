package sessions

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/sessiongate/sessiongate/store"
)

// Of returns the sessions of a subject, those seen last first, at most
// store.MaxSessionsOf: what the store knows, and what this gate has admitted and
// not written yet.
func (r *Registry) Of(ctx context.Context, issuer, subject string) ([]store.Session, error) {
	// Before the store is asked: what is written meanwhile is in one of the two.
	waiting := r.pendingOf(issuer, subject)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	of, err := r.store.Of(ctx, issuer, subject)
	if err != nil {
		return nil, fmt.Errorf("listing the sessions of a subject: %w", err)
	}
	for i, s := range of {
		if seen, ok := waiting[s.ID]; ok {
			of[i].FirstSeen = min(s.FirstSeen, seen.FirstSeen)
			of[i].LastSeen = max(s.LastSeen, seen.LastSeen)
			of[i].Expires = max(s.Expires, seen.Expires)
			delete(waiting, s.ID)
		}
	}
	for _, s := range waiting {
		of = append(of, s)
	}
	slices.SortFunc(of, func(a, b store.Session) int {
		return cmp.Or(-cmp.Compare(a.LastSeen, b.LastSeen), cmp.Compare(a.ID, b.ID))
	})
	return of[:min(len(of), store.MaxSessionsOf)], nil
}

// pendingOf returns the sessions of a subject that the store does not have yet, by
// their ids.
func (r *Registry) pendingOf(issuer, subject string) map[string]store.Session {
	of := make(map[string]store.Session)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.pending {
		if s.Issuer == issuer && s.Subject == subject {
			of[s.ID] = s
		}
	}
	return of
}
