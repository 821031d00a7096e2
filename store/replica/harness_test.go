package replica_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/logtest"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// bubble is the clock of a synctest bubble, whose machine is never suspended.
type bubble struct{}

func (bubble) Now() replica.Instant { return replica.At(time.Now()) }

func (bubble) Boot() time.Duration { return time.Duration(time.Now().UnixNano()) }

// shared returns a connection to a shared store of its own.
func shared() store.Fleet { return model.NewServer(1, 4096).Connect(nil) }

// faulty is a shared store whose calls fail while err is set.
type faulty struct {
	store.Fleet
	mu  sync.Mutex
	err error
}

func (f *faulty) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *faulty) failing() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *faulty) Append(ctx context.Context, revocations ...store.Revocation) (store.Position, error) {
	if err := f.failing(); err != nil {
		return store.Position{}, err
	}
	return f.Fleet.Append(ctx, revocations...)
}

func (f *faulty) Publish(ctx context.Context, revocations ...store.Revocation) (store.Head, error) {
	if err := f.failing(); err != nil {
		return store.Head{}, err
	}
	return f.Fleet.Publish(ctx, revocations...)
}

func (f *faulty) Read(ctx context.Context, after store.Position, wait time.Duration) (store.Batch, error) {
	if err := f.failing(); err != nil {
		return store.Batch{}, err
	}
	return f.Fleet.Read(ctx, after, wait)
}

func (f *faulty) Heartbeat(ctx context.Context, beat store.Heartbeat) (store.Head, error) {
	if err := f.failing(); err != nil {
		return store.Head{}, err
	}
	return f.Fleet.Heartbeat(ctx, beat)
}

func (f *faulty) Look(ctx context.Context) (store.Head, error) {
	if err := f.failing(); err != nil {
		return store.Head{}, err
	}
	return f.Fleet.Look(ctx)
}

var errAway = errors.New("connection refused")

// revocation returns the revocation of a session, and the keys of its token.
func revocation(name string) (store.Revocation, *store.Keys) {
	k := store.NewKey("default", store.KindSession, "https://a", name)
	token := &store.Keys{Session: k, IssuedAt: 1, Expires: 1 << 31}
	return store.Revocation{Kind: store.KindSession, Key: k, Expires: 1 << 31}, token
}

func start(t *testing.T, s store.Store, o replica.Options) *replica.Replica {
	t.Helper()
	if o.Clock == nil {
		o.Clock = bubble{}
	}
	r := replica.New(s, o)
	t.Cleanup(r.Close)
	return r
}

func wantVerdict(t *testing.T, r *replica.Replica, token *store.Keys, want replica.Verdict) {
	t.Helper()
	if got := r.Check(token, replica.At(time.Now())); got != want {
		t.Errorf("%s: the verdict is %v, want %v", time.Now().Format("04:05.000"), got, want)
	}
}

func mustRevoke(t *testing.T, r *replica.Replica, revocations ...store.Revocation) {
	t.Helper()
	if err := r.Revoke(t.Context(), revocations...); err != nil {
		t.Fatalf("Revoke: %v", err)
	}
}

func textLogger(to *logtest.Text) *slog.Logger { return slog.New(slog.NewTextHandler(to, nil)) }
