package store

import (
	"context"
	"errors"
)

// ErrPaused: the store was copied to another, or is being copied, and takes no
// revocations and learns no tokens until an operator says so.
var ErrPaused = errors.New("the store was copied, or is being copied, and takes nothing new: start the gates on the copy, " +
	"or run caddy session-gate copy --resume")

// Memory is some of what a store remembers beside its log.
type Memory struct {
	Sessions []Session
	Grants   []Grant
}

// Movable is a store that can be copied to another one, while gates use it.
type Movable interface {
	Backend
	Grants

	// Memory returns some of the sessions and learned tokens, and where the rest
	// begins: "" is the beginning, and also what follows the last. All are returned
	// that are there from the first call to the last one. What comes or goes meanwhile
	// may be missing, and a session or token may be returned twice.
	Memory(ctx context.Context, from string) (part Memory, next string, err error)

	// Pause has Append, Fleet.Publish and Learn fail with ErrPaused, for every process
	// that uses the store and until Pause is called with false, also after restarts.
	// Invariant: what one of them confirms was in the store before Pause returned, so
	// that whoever reads it all afterwards misses nothing.
	//
	// All else goes on: reads, heartbeats, sessions that are seen, and merges, which
	// put back what the log has lost.
	Pause(ctx context.Context, on bool) error

	// Paused reports whether the store is paused.
	Paused(ctx context.Context) (bool, error)
}
