package store

import (
	"context"
	"errors"
	"time"
)

// These are the errors of reading or appending that a caller treats differently from
// "try again". All others are passing technical failures. No error of a store ever
// means "not revoked".
var (
	// ErrGap: the log does not hold the entry right after the position. It was trimmed
	// or lost, or the log has gone back. Read all of the log again.
	ErrGap = errors.New("entries are missing from the revocation log")
	// ErrGeneration: a new generation of the log has begun. Read all of it again.
	ErrGeneration = errors.New("the revocation log has another generation")
	// ErrUnreadable: an entry cannot be read, because it is damaged or
	// was written by a newer version. It is never skipped.
	ErrUnreadable = errors.New("an entry of the revocation log cannot be read")
	// ErrDamaged: the store's file is not what was written. It is never taken
	// for an empty one.
	ErrDamaged = errors.New("the store is damaged")
	// ErrLocked: another process holds the store.
	ErrLocked = errors.New("the store is in use by another process")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the store is closed")
	// ErrUnknownSession: no session with this id was seen at this issuer. This is the
	// only error that is an answer.
	ErrUnknownSession = errors.New("the session is unknown")
)

// Generation names one life of a log. It is random and never zero. If a log loses its
// entries, it continues under another generation.
type Generation uint64

// Position is a place on a log: right after the entry with this sequence number. The
// zero Position is the beginning, in any generation.
type Position struct {
	Generation Generation
	Seq        uint64
	// Tag is the tag of that entry. It is random, so that two entries with the same
	// number differ if the log has gone back in between. Zero: it is not known, and not
	// compared. Stores that are no Fleet leave it zero.
	Tag uint64
}

// Entry is what one Append put on the log.
type Entry struct {
	// Position is right after this entry.
	Position Position
	// Revocations is never empty.
	Revocations []Revocation
}

// Expires is when the whole entry may be forgotten, in Unix seconds: its latest expiry.
func (e Entry) Expires() int64 {
	var latest int64
	for _, r := range e.Revocations {
		latest = max(latest, r.Expires)
	}
	return latest
}

// Batch is what one Read found.
type Batch struct {
	// Entries follow one another without a gap, except for what Born says, and follow
	// the requested position. From the zero Position they begin with the oldest entry
	// held.
	Entries []Entry
	// Head was the end of the log at some moment after Read was called. A reader that
	// has applied everything up to it is as fresh as that call.
	Head Position
	// Born: entries up to this sequence number come from earlier generations of the
	// log, and some between them may be lost. After it there is no gap.
	Born uint64
	// Bounds and Now come from a store that belongs to this machine alone: the tokens
	// that it cannot judge, and the time by its clock in Unix seconds. That clock may
	// be behind the wall clock by the time during which no process had the store open.
	// A Fleet puts both into its Head, and leaves them zero here.
	Bounds Bounds
	Now    int64
}

// Store is a log of revocations. All methods may be called concurrently.
// After Close they return ErrClosed.
type Store interface {
	// Append puts the revocations on the log as one entry. When it returns nil
	// they are durable, as far as the store can make them so. After an error
	// the outcome is unknown; appending again is safe. It takes one commit (a
	// disk sync, or a network round trip) and honours ctx.
	Append(ctx context.Context, revocations ...Revocation) (Position, error)

	// Read returns the entries after a position, at most a batch of them. If there are
	// none it waits up to `wait` for one, and then returns an empty batch; with wait <=
	// 0 it never waits. It returns ErrGap or ErrGeneration if it cannot return the
	// entries after the position, and ErrUnreadable if one of them cannot be
	// understood.
	Read(ctx context.Context, after Position, wait time.Duration) (Batch, error)

	// Trim forgets the entries at the beginning of the log that have expired at
	// the given time and by the store's own clock, and may leave some for the next
	// call. It forgets nothing before Bounds.Hold.
	Trim(ctx context.Context, now time.Time) error

	// Close ends every call that is under way and frees what the store holds.
	Close() error
}

// Local is a Store of this machine alone: one process writes to it, and sets
// Batch.Bounds and Batch.Now.
type Local interface {
	Store

	// Retain tells the store how long to keep revocations. It returns the longest
	// retention that it was ever told, which counts, and its bounds from then on. A
	// retention that is longer than any before raises two bounds: Bounds.Hold to the
	// present time plus retention plus margin, because all of the log is kept for as
	// long, and Bounds.Forgotten to the present time minus the previous retention. The
	// first retention raises nothing. If something changes, Retain takes one commit.
	Retain(ctx context.Context, retention, margin time.Duration) (longest time.Duration, b Bounds, err error)

	// LowerFloor sets Bounds.Floor to zero for an operator. It takes one commit if
	// there was a floor.
	LowerFloor(ctx context.Context) error
}

// Backend is a store that also remembers sessions, like every store of this project.
type Backend interface {
	Store
	Sessions
}
