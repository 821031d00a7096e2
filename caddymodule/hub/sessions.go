package hub

import (
	"context"
	"fmt"

	"github.com/sessiongate/sessiongate/store"
)

// Note remembers the session of an admitted token, seen at its LastSeen in Unix
// seconds. It lets the running requests of the session continue until the token expires.
// It does not wait for the store. It reports false if there was no room, because the
// store is away, or if the session is a login and an older gate may be live
// (HasOlderGates): then note the session again with its next request.
//
// Attack: end a login by its id at an older gate, which takes the id for one of a session
// claim. It would answer 200, and every gate would go on to admit the login.
func (h *Hub) Note(k *store.Keys, s store.Session) bool {
	if !h.isOpen.Load() {
		return false
	}
	h.running.Prolong(k)
	if _, isLogin := store.ParseLoginID(s.ID); isLogin && h.HasOlderGates() {
		return false
	}
	instant, _ := h.replica.Instant(k.Session)
	return h.registry.NoteAfter(s.Issuer, s.ID, s.Subject, s.LastSeen, max(instant, h.replica.NotBefore(k)))
}

// Owned returns nil if the session is known and by accepts its subject, else
// store.ErrUnknownSession. It asks the store in both cases. So neither the time nor an
// unreachable store reveals which case it is. Any other error means that the owner could
// not be looked up.
func (h *Hub) Owned(ctx context.Context, issuer, session string, by func(subject string) bool) error {
	if !h.isOpen.Load() {
		return fmt.Errorf("looking up the owner of a session: %w", store.ErrClosed)
	}
	return h.registry.Owned(ctx, issuer, session, by)
}

// SessionsOf returns the sessions of a subject, the last seen first, including revoked
// ones (Over). It waits for the store.
func (h *Hub) SessionsOf(ctx context.Context, issuer, subject string) ([]store.Session, error) {
	if !h.isOpen.Load() {
		return nil, fmt.Errorf("listing the sessions of a subject: %w", store.ErrClosed)
	}
	return h.registry.Of(ctx, issuer, subject)
}

// Over reports whether a session with these keys is revoked, by itself or by an instant.
//
// An instant names tokens, not sessions. A session that was not seen since then has no
// valid token here. A session that was seen since then was excepted, logged in again,
// or got a newer token from the issuer. The same holds for a session that is revoked up to a
// login.
func (h *Hub) Over(s store.Session, k *store.Keys) bool {
	if !h.isOpen.Load() {
		return false
	}
	instant, held := h.replica.Instant(k.Session)
	return held && instant == 0 || s.LastSeen <= max(instant, h.replica.NotBefore(k))
}
