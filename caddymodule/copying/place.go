package copying

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// Place is a store that is copied from or to.
type Place interface {
	// State tells how it stands.
	State(ctx context.Context) (State, error)
	// Read returns some of what the store holds, and where the rest begins. A store
	// whose log was begun anew, or trimmed, is read from the beginning again.
	Read(ctx context.Context, from Cursor) (Page, Cursor, error)
	// Write puts a page into the store. When it returns nil, every gate of its fleet
	// refuses what the page revokes.
	Write(ctx context.Context, page Page) error
	// Pause has the store take nothing new, or take it again: see store.Movable.
	Pause(ctx context.Context, on bool) error
}

// State is how a store stands.
type State struct {
	// Store names the store: two with one name are the same.
	Store string
	// Retention is for how long revocations are kept, and Bounds which tokens are
	// refused because the log cannot judge them.
	Retention time.Duration
	Bounds    store.Bounds
	// Now is the time by the clock of the process that answers, in Unix seconds.
	Now int64
	// End is the end of the log.
	End    store.Position
	Paused bool
	// Unready is why the store cannot be read or written for now; "" if it can. Applied is
	// how far its log was read: what is read may be ready soon.
	Unready string
	Applied uint64
}

// Cursor is a place in a store: in its log, and then among its sessions and tokens. The
// zero Cursor is the beginning.
type Cursor struct {
	Log store.Position
	// Logged says that the log was read up to its end.
	Logged bool
	Memory string
	// Over says that nothing follows.
	Over bool
}

// Page is some of what a store holds.
type Page struct {
	// Revocations are in the form of store.MarshalRevocations.
	Revocations [][]byte
	store.Memory
	Bounds store.Bounds
}

// Local is a store that this process has open.
type Local struct {
	// Store is its name.
	Store   string
	Backend store.Backend
	Replica *replica.Replica
	// Advice says what is wrong and what to do; nothing if all is well.
	Advice func() (why, next string)
}

// errImmovable: a store in memory, or of another module.
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
		// What was forgotten by one clock would count again by the other.
		s.Unready = "the clock of this machine and the store's are too far apart; set both by NTP"
	case status.Fenced && status.Err != nil:
		s.Unready = fmt.Sprintf("the store cannot be used: %v; see that it runs, and run the same command again", status.Err)
	case status.Fenced:
		s.Unready = fmt.Sprintf("the store is not ready: %s; next: %s", why, next)
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

// marshal packs revocations into as many payloads as they need.
func marshal(revocations []store.Revocation) (payloads [][]byte, err error) {
	for len(revocations) > 0 {
		n := min(len(revocations), store.MaxRevocations)
		payload, err := store.MarshalRevocations(revocations[:n])
		if err != nil {
			return nil, err
		}
		payloads, revocations = append(payloads, payload), revocations[n:]
	}
	return payloads, nil
}
