package store

import (
	"context"
	"errors"
	"time"
)

// The ways in which reading or appending can fail that a caller treats
// differently from "try again". All else is a passing technical failure. No
// error of a store ever means "not revoked".
var (
	// ErrGap: the log does not hold the entry right after the position asked
	// for: it was trimmed, lost, or the log has gone back. Read it all again.
	ErrGap = errors.New("entries are missing from the log")
	// ErrGeneration: the log was begun anew since. Read it all again.
	ErrGeneration = errors.New("the log is of another generation")
	// ErrUnreadable: an entry cannot be understood, because it is damaged or
	// was written by a newer version. It is never skipped.
	ErrUnreadable = errors.New("an entry of the log cannot be understood")
	// ErrDamaged: the store's file is not what was written. It is never taken
	// for an empty one.
	ErrDamaged = errors.New("the store is damaged")
	// ErrLocked: another process holds the store.
	ErrLocked = errors.New("the store is in use by another process")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the store is closed")
	// ErrUnknownSession: nobody was seen under this session id of this issuer.
	// The one error that is an answer.
	ErrUnknownSession = errors.New("the session is unknown")
)

// Generation names one life of a log. It is random and never zero; a log that
// lost its entries comes back under another.
type Generation uint64

// Position is a place on a log: right after the entry with this sequence
// number. The zero Position is the beginning, of whatever generation.
type Position struct {
	Generation Generation
	Seq        uint64
	// Tag is that entry's. It is random, so that an entry can be told from another
	// that has its number, because the log has gone back since. Zero: it is not
	// known, and not compared. Stores that are no Fleet leave it zero.
	Tag uint64
}

// Entry is what one Append put on the log.
type Entry struct {
	// Position is right after this entry.
	Position Position
	// Revocations is never empty.
	Revocations []Revocation
}

// Expires is when the whole entry may be forgotten, in Unix seconds: the
// latest expiry in it.
func (e Entry) Expires() int64 {
	var latest int64
	for _, r := range e.Revocations {
		latest = max(latest, r.Expires)
	}
	return latest
}

// Batch is what one Read found.
type Batch struct {
	// Entries follow one another without a gap, but for what Born says, and
	// follow the position that was asked for; from the zero Position they begin
	// with the oldest held.
	Entries []Entry
	// Head was the end of the log at some moment after Read was called. Whoever
	// has applied everything up to it is as fresh as that call.
	Head Position
	// Born: entries up to this sequence number are left from earlier generations
	// of the log, and some between them may be lost. After it there is no gap.
	Born uint64
	// Bounds and Now are what a store that is this machine's own says of tokens
	// that it cannot judge, and of the time by its clock in Unix seconds. That clock
	// may be behind the wall clock by as long as no process had the store open. A Fleet
	// says so in its Head, and leaves them zero here.
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

	// Read returns the entries after a position, at most a batch of them. If
	// there are none it waits up to `wait` for one, and then returns an empty
	// batch; with wait <= 0 it never waits. It returns ErrGap or ErrGeneration
	// when the entries after the position are not to be had, and ErrUnreadable
	// when one of them cannot be understood.
	Read(ctx context.Context, after Position, wait time.Duration) (Batch, error)

	// Trim forgets the entries at the beginning of the log that have expired at
	// the given time and by the store's own clock, and may leave some for the next
	// call. It forgets nothing before Bounds.Hold.
	Trim(ctx context.Context, now time.Time) error

	// Close ends every call that is under way and frees what the store holds.
	Close() error
}

// Local is a Store that is this machine's own: one process writes to it, and
// Batch.Bounds and Batch.Now are what it says.
type Local interface {
	Store

	// Retain tells the store for how long revocations are to be kept. It returns the
	// longest that it was ever told, which counts, and what it says of tokens from
	// then on. One that is longer than any before raises Bounds.Hold to the present time plus
	// it plus margin, because what is on the log is kept for as long, and
	// Bounds.Forgotten to the present time minus the one before. The first is no
	// raise. It takes one commit where something changes.
	Retain(ctx context.Context, retention, margin time.Duration) (longest time.Duration, b Bounds, err error)

	// LowerFloor sets Bounds.Floor to zero, by the word of an operator. It takes one
	// commit if there was a floor.
	LowerFloor(ctx context.Context) error
}

// Backend is a store that also remembers sessions, as every store of this
// project does.
type Backend interface {
	Store
	Sessions
}
