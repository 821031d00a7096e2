package store

import (
	"context"
	"errors"
)

// ErrPaused: the store was copied to another one, or is being copied. It accepts no
// revocations and learns no tokens until an operator resumes it.
var ErrPaused = errors.New("the store was copied, or is being copied, and accepts nothing new: start the gates on the copy, " +
	"or run caddy session-gate copy --resume")

// Memory is a part of what a store remembers beside its log.
type Memory struct {
	Sessions []Session
	Grants   []Grant
}

// Movable is a store that can be copied to another one, while gates use it.
type Movable interface {
	Backend
	Grants

	// Memory returns some of the sessions and learned tokens, and where the rest
	// begins: "" is the beginning, and also follows the last part. It returns all that
	// are there from the first call to the last one. Sessions and tokens that come or
	// go meanwhile may be missing, and one may be returned twice.
	Memory(ctx context.Context, from string) (part Memory, next string, err error)

	// Pause makes Append, Fleet.Publish and Learn fail with ErrPaused, for every
	// process that uses the store, until Pause is called with false, also after
	// restarts. Invariant: what one of them confirms was in the store before Pause
	// returned. So a reader that reads everything afterwards misses nothing.
	//
	// Everything else goes on: reads, heartbeats, sessions that are seen, and merges,
	// which restore what the log has lost.
	Pause(ctx context.Context, on bool) error

	// Paused reports whether the store is paused.
	Paused(ctx context.Context) (bool, error)
}
