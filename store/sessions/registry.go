// Package sessions notes which sessions a gate admits, so that a later call can tell
// the owner of a session. It keeps the store off the path of requests: sessions go to
// the store in batches, in the background.
package sessions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

const (
	// renoteAfter is how long an ongoing session is not written again.
	renoteAfter = 15 * time.Minute
	// flushEvery bounds how long the rest of the fleet does not know a new
	// session.
	flushEvery = 250 * time.Millisecond
	// batchSize is how many sessions go to the store in one call.
	batchSize = 1024
	// maxPending bounds the sessions that wait for an unavailable store: with ids of 1
	// KiB, 150 MB.
	maxPending = 1 << 16
	// maxRecent bounds the sessions that are known to have been noted. If there are
	// more, sessions are noted again earlier.
	maxRecent = 1 << 18
	// callTimeout bounds one call of the store.
	callTimeout = 5 * time.Second
)

// Options say how long sessions are remembered.
type Options struct {
	// Life is how long a session is remembered after it was last seen, and at most half
	// an hour longer, because not each time is written down.
	Life time.Duration
	// Clock gives the time. Default: time.Now.
	Clock func() time.Time
	// Logger receives a warning when sessions could not be written. Default: none.
	Logger *slog.Logger
}

// Registry notes sessions and answers who owns them. Its methods may be called
// concurrently.
type Registry struct {
	store  store.Sessions
	clock  func() time.Time
	logger *slog.Logger

	life atomic.Int64 // seconds

	mu sync.Mutex
	// pending are the sessions that the store does not have yet. They stay until it has
	// them, so that pending and store together miss none.
	pending map[id]store.Session
	// recent are the sessions noted since turned, and older those noted in the period
	// before, each with the second at which it was noted. After renoteAfter, or when
	// recent is full, it becomes older.
	recent, older map[id]int64
	turned        int64
	dropped       uint64
	failing       bool

	wake chan struct{}
	stop context.CancelFunc
	wait sync.WaitGroup
}

type id struct{ issuer, session string }

// New returns a registry that writes to a store in the background. The caller
// keeps the store, and closes it after the registry.
func New(s store.Sessions, o Options) *Registry {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &Registry{
		store: s, clock: o.Clock, logger: o.Logger,
		pending: make(map[id]store.Session),
		recent:  make(map[id]int64),
		turned:  o.Clock().Unix(),
		wake:    make(chan struct{}, 1),
		stop:    stop,
	}
	r.Configure(o.Life)
	r.wait.Go(func() { r.write(ctx) })
	return r
}

// Configure replaces Options.Life, after a reload of the configuration. It counts for
// sessions that are noted from now on.
func (r *Registry) Configure(life time.Duration) {
	r.life.Store(int64(life / time.Second))
}

// Due reports whether a session that was last noted at the Unix second noted may be due
// again at the second now. Every request pays for this call.
func Due(noted, now int64) bool { return now-noted >= int64(renoteAfter/time.Second) }

// Note records that a token of a session was admitted at the Unix second now. It does not
// wait for the store. It returns false if the store is unavailable and there is no room;
// the caller should note the session again with its next request.
func (r *Registry) Note(issuer, session, subject string, now int64) bool {
	return r.NoteAfter(issuer, session, subject, now, 0)
}

// NoteAfter is Note for a session whose tokens up to an instant, in Unix seconds, are
// revoked. It notes the session again if it was not noted since that instant. So a session
// that continues with a newer token differs from one that ended.
func (r *Registry) NoteAfter(issuer, session, subject string, now, instant int64) bool {
	key := id{issuer, session}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
	if max(r.recent[key], r.older[key]) > instant {
		return true
	}
	waiting, waits := r.pending[key]
	if !waits && len(r.pending) >= maxPending {
		r.dropped++
		return false
	}
	noted := store.Session{
		Issuer: issuer, ID: session, Subject: subject,
		FirstSeen: now, LastSeen: now, Expires: now + r.life.Load() + int64(2*renoteAfter/time.Second),
	}
	if waits {
		noted.FirstSeen = waiting.FirstSeen
	}
	r.recent[key], r.pending[key] = now, noted
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return true
}

// turn lets the sessions that were noted longest ago be noted again: after
// renoteAfter at the earliest, and after twice as long at the latest.
func (r *Registry) turn(now int64) {
	period := int64(renoteAfter / time.Second)
	if now-r.turned < period && len(r.recent) < maxRecent/2 {
		return
	}
	if now-r.turned >= 2*period {
		r.recent = nil
	}
	r.older, r.recent = r.recent, make(map[id]int64)
	r.turned = now
}

// Owned returns nil if a session is known and by accepts its subject, and
// store.ErrUnknownSession if not. The answer is the same for another user's session and
// for one that no gate has seen. A session that this gate has admitted is known at once.
// One that another gate has admitted is known as soon as that gate has written it. A
// session that the store has deleted for newer ones (store.SessionLimits) is unknown until
// it is noted again: if it continues, at most half an hour later.
//
// Attack: learn that another user's session was seen here a moment ago, from the response
// time, or from the answer while the store is unavailable. So Owned asks the store for
// those sessions, too.
func (r *Registry) Owned(ctx context.Context, issuer, session string, by func(subject string) bool) error {
	r.mu.Lock()
	noted, ok := r.pending[id{issuer, session}]
	r.mu.Unlock()
	if ok && by(noted.Subject) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	subject, err := r.store.Owner(ctx, issuer, session)
	if err == nil && (ok || !by(subject)) {
		err = store.ErrUnknownSession
	}
	if err != nil {
		return fmt.Errorf("looking up the owner of a session: %w", err)
	}
	return nil
}

// Len returns how many sessions were noted lately: in the last 15 to 30 minutes. It counts a
// session twice that was revoked and noted again.
func (r *Registry) Len() int {
	now := r.clock().Unix()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
	return len(r.recent) + len(r.older)
}

// Close writes the pending sessions, as far as the store accepts them at once, and ends
// the background work.
func (r *Registry) Close() {
	r.stop()
	r.wait.Wait()
}

// write flushes what is pending: at most every flushEvery, and once more at the
// end.
func (r *Registry) write(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-r.wake:
			timer := time.NewTimer(flushEvery)
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
			timer.Stop()
		}
		for r.flush() {
		}
	}
}

// flush writes one batch and reports whether more is pending that the store would
// accept. Sessions that could not be written are retried a little later. Close does not
// cut flush short, because that would lose the sessions on their way.
func (r *Registry) flush() bool {
	batch := r.batch()
	if len(batch) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	err := r.store.Seen(ctx, batch...)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.fail(err)
		return false
	}
	r.recover()
	for _, s := range batch {
		if key := (id{s.Issuer, s.ID}); r.pending[key] == s {
			delete(r.pending, key)
		}
	}
	return len(r.pending) > 0
}

func (r *Registry) batch() []store.Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	batch := make([]store.Session, 0, min(len(r.pending), batchSize))
	for _, s := range r.pending {
		if len(batch) == batchSize {
			break
		}
		batch = append(batch, s)
	}
	return batch
}

// fail keeps the batch pending, and logs that once.
func (r *Registry) fail(err error) {
	select {
	case r.wake <- struct{}{}:
	default:
	}
	if !r.failing && !errors.Is(err, store.ErrClosed) {
		r.failing = true
		r.logger.Warn("sessions could not be written to the store; the gate retries", "error", err, "pending", len(r.pending))
	}
}

func (r *Registry) recover() {
	if r.failing {
		r.failing = false
		r.logger.Info("the store accepts sessions again", "not_noted_meanwhile", r.dropped)
		r.dropped = 0
	}
}
