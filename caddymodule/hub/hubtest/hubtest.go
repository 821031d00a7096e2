// Package hubtest helps to test users of a hub. It has a store with hooks in its calls
// about tokens, a recorder of events, and the clock of a synctest bubble.
package hubtest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// Bubble is the clock of a synctest bubble, whose machine is never suspended.
type Bubble struct{}

// Now implements replica.Clock.
func (Bubble) Now() replica.Instant { return replica.At(time.Now()) }

// Boot implements replica.Clock.
func (Bubble) Boot() time.Duration { return time.Duration(time.Now().UnixNano()) }

// Hooked is a store with hooks in its calls about tokens: a hook runs before the call,
// and may make it fail. It may be used concurrently.
type Hooked struct {
	store.Backend

	mu     sync.Mutex
	hooks  map[string]func() error
	tokens store.Grants // in the place of the store, unless nil
}

// On runs a hook at the beginning of a call, "Learn", "Known" or "Members"; nil removes
// it.
func (h *Hooked) On(call string, hook func() error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hooks == nil {
		h.hooks = make(map[string]func() error)
	}
	h.hooks[call] = hook
}

// Keep makes another store keep what is learned about tokens from now on.
func (h *Hooked) Keep(tokens store.Grants) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tokens = tokens
}

// begin runs the hook of a call, and returns the store for the call.
func (h *Hooked) begin(call string) (store.Grants, error) {
	h.mu.Lock()
	hook, tokens := h.hooks[call], h.tokens
	h.mu.Unlock()
	if tokens == nil {
		tokens = h.Backend.(store.Grants)
	}
	if hook == nil {
		return tokens, nil
	}
	return tokens, hook()
}

// Learn implements store.Grants.
func (h *Hooked) Learn(ctx context.Context, grants ...store.Grant) error {
	tokens, err := h.begin("Learn")
	if err != nil {
		return err
	}
	return tokens.Learn(ctx, grants...)
}

// Known implements store.Grants.
func (h *Hooked) Known(ctx context.Context, names ...store.Key) ([]store.Grant, error) {
	tokens, err := h.begin("Known")
	if err != nil {
		return nil, err
	}
	return tokens.Known(ctx, names...)
}

// Members implements store.Grants.
func (h *Hooked) Members(ctx context.Context, session store.Key) ([]store.Key, error) {
	tokens, err := h.begin("Members")
	if err != nil {
		return nil, err
	}
	return tokens.Members(ctx, session)
}

// Revoked is an event about one revocation.
type Revoked struct {
	hub.Cause
	store.Revocation
}

// Events records the revocations that subscribers would receive.
type Events struct {
	mu       sync.Mutex
	heard    []Revoked
	outcomes []hub.Outcome
	pending  []hub.Outcome
}

// StoreDown implements hub.Events.
func (*Events) StoreDown(replica.Trouble, time.Duration) {}

// StoreUp implements hub.Events.
func (*Events) StoreUp(time.Duration) {}

// Revoked implements hub.Events.
func (e *Events) Revoked(o hub.Outcome) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.outcomes = append(e.outcomes, o)
	for _, r := range o.Revocations {
		e.heard = append(e.heard, Revoked{o.Cause, r})
	}
}

// Pending implements hub.Events.
func (e *Events) Pending(o hub.Outcome) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pending = append(e.pending, o)
}

// Outcomes returns all outcomes so far: of revocations that hold everywhere, and of those that
// were not confirmed.
func (e *Events) Outcomes() (everywhere, pending []hub.Outcome) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.outcomes), slices.Clone(e.pending)
}

// Heard returns the events since the previous call.
func (e *Events) Heard() []Revoked {
	e.mu.Lock()
	defer e.mu.Unlock()
	heard := e.heard
	e.heard = nil
	return heard
}

var (
	_ store.Grants = (*Hooked)(nil)
	_ hub.Events   = (*Events)(nil)
)
