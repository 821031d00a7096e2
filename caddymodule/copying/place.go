package copying

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// Place is a store, as the source or the target of a copy. Run calls one method at
// a time.
type Place interface {
	// State returns the state of the store. An error means that the place cannot be asked,
	// or cannot be copied at all.
	State(ctx context.Context) (State, error)
	// Read returns the next records of the store, and the cursor after them. If the
	// revocation log was trimmed or has a new generation, the cursor begins again.
	Read(ctx context.Context, from Cursor) (Page, Cursor, error)
	// Write puts a page into the store. When it returns nil, every gate of the store's
	// fleet refuses the tokens that the page revokes.
	Write(ctx context.Context, page Page) error
	// Pause makes the store accept nothing new, or accept it again: see store.Movable.
	Pause(ctx context.Context, on bool) error
}

// State is the state of a store.
type State struct {
	// Store names the store: two places with one name are the same store.
	Store string
	// Retention is how long the store keeps revocations. Bounds say which tokens its gates
	// refuse because the revocation log cannot judge them.
	Retention time.Duration
	Bounds    store.Bounds
	// Now is the time by the clock of the process that answers, in Unix seconds.
	Now int64
	// End is the end of the revocation log. Paused reports whether the store accepts
	// nothing new.
	End    store.Position
	Paused bool
	// Unready is why the store cannot be read or written now; "" if it can. Applied is the
	// number of the last entry that its gate has applied: while it grows, the store may be
	// ready soon.
	Unready string
	Applied uint64
}

// Cursor is a position in a store: in its revocation log, and then among its sessions and
// tokens. The zero Cursor is the beginning.
type Cursor struct {
	Log store.Position
	// Logged reports whether the revocation log was read up to its end.
	Logged bool
	// Memory is the position among sessions and tokens: see store.Movable.
	Memory string
	// Over reports whether nothing follows.
	Over bool
}

// Page holds some records of a store, and its bounds.
type Page struct {
	// Revocations are in the form of store.MarshalRevocations.
	Revocations [][]byte
	store.Memory
	Bounds store.Bounds
}

// Local is a store that this process has open.
type Local struct {
	// Store is its name: see State.
	Store   string
	Backend store.Backend
	Replica *replica.Replica
	// Advice says what is wrong with the gate, and what to do. Both are "" if nothing is.
	Advice func() (why, next string)
}

// errImmovable is the error of a store in memory, or of another module.
var errImmovable = errors.New("this kind of store cannot be copied; bolt and redis can")

func (l *Local) movable() (store.Movable, error) {
	movable, ok := l.Backend.(store.Movable)
	if !ok {
		return nil, errImmovable
	}
	return movable, nil
}

// State implements Place.
func (l *Local) State(ctx context.Context) (State, error) {
	movable, err := l.movable()
	if err != nil {
		return State{}, err
	}
	status := l.Replica.Status()
	s := State{Store: l.Store, Retention: l.Replica.Retention(), Bounds: status.Bounds, Now: time.Now().Unix(), Applied: status.Position.Seq}
	why, next := l.Advice()
	switch {
	case status.Skewed:
		// A revocation that has expired by one clock would count again by the other.
		s.Unready = "the clocks of this machine and of the store are too far apart; set both by NTP"
	case status.Fenced && status.Err != nil:
		s.Unready = fmt.Sprintf("the store cannot be used: %v; repair it, and run the same command again", status.Err)
	case status.Fenced:
		s.Unready = fmt.Sprintf("the store is not ready: %s; next: %s", why, next)
	case status.Format < store.Format:
		// The log of such a fleet cannot say up to which login a session is revoked: users who
		// have logged in again would be locked out.
		s.Unready = "a gate of an older version may be live, which does not know all that is copied; upgrade all gates, and run the same command again"
	}
	if s.Unready != "" {
		return s, nil
	}
	if s.Paused, err = movable.Paused(ctx); err != nil {
		return State{}, err
	}
	batch, err := movable.Read(ctx, store.Position{}, 0)
	s.End = batch.Head
	return s, err
}

// Read implements Place.
func (l *Local) Read(ctx context.Context, from Cursor) (page Page, next Cursor, err error) {
	movable, err := l.movable()
	if err != nil {
		return page, from, err
	}
	if from.Logged {
		page.Memory, from.Memory, err = movable.Memory(ctx, from.Memory)
		from.Over = from.Memory == ""
		return page, from, err
	}
	batch, err := movable.Read(ctx, from.Log, 0)
	if from.Log != (store.Position{}) && (errors.Is(err, store.ErrGap) || errors.Is(err, store.ErrGeneration)) {
		return page, Cursor{}, nil
	}
	if err != nil {
		return page, from, err
	}
	var revocations []store.Revocation
	for _, entry := range batch.Entries {
		revocations, from.Log = append(revocations, entry.Revocations...), entry.Position
	}
	if len(batch.Entries) == 0 {
		from.Log = batch.Head
	}
	from.Logged = from.Log.Seq >= batch.Head.Seq
	page.Revocations, err = marshal(revocations)
	return page, from, err
}

// Write implements Place.
func (l *Local) Write(ctx context.Context, page Page) error {
	movable, err := l.movable()
	if err != nil {
		return err
	}
	if page.Bounds != (store.Bounds{}) {
		err = l.Replica.Raise(ctx, page.Bounds)
	}
	for _, payload := range page.Revocations {
		var revocations []store.Revocation
		if err == nil {
			revocations, err = store.UnmarshalRevocations(payload)
		}
		if err == nil {
			err = l.Replica.Revoke(ctx, revocations...)
		}
	}
	if err == nil && len(page.Grants) > 0 {
		err = movable.Learn(ctx, page.Grants...)
	}
	if err == nil && len(page.Sessions) > 0 {
		err = movable.Seen(ctx, page.Sessions...)
	}
	return err
}

// Pause implements Place.
func (l *Local) Pause(ctx context.Context, on bool) error {
	movable, err := l.movable()
	if err != nil {
		return err
	}
	return movable.Pause(ctx, on)
}

// marshal encodes revocations in as few payloads as store.Fit allows.
func marshal(revocations []store.Revocation) (payloads [][]byte, err error) {
	for len(revocations) > 0 {
		n := store.Fit(revocations)
		payload, err := store.MarshalRevocations(revocations[:n])
		if err != nil {
			return nil, err
		}
		payloads, revocations = append(payloads, payload), revocations[n:]
	}
	return payloads, nil
}
