package hub

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/streams"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// cutBetween is a clock that makes a check slow: after a request has entered, reading the
// clock revokes the token and waits until the request was cut. It is also a response
// writer, which records the cut.
type cutBetween struct {
	http.ResponseWriter
	table   *streams.Table
	revoke  func()
	changed chan struct{}
	revoked atomic.Bool
	once    sync.Once
	cut     chan struct{}
}

// Now is an hour ahead of the wall clock, so that checks read Boot.
func (c *cutBetween) Now() replica.Instant {
	now := replica.At(time.Now())
	now.Wall += int64(time.Hour)
	return now
}

func (c *cutBetween) Boot() time.Duration {
	if c.table.Len() > 0 {
		if c.revoked.CompareAndSwap(false, true) {
			c.revoke()
		}
		select {
		case c.changed <- struct{}{}:
		default:
		}
		<-c.cut
	}
	return time.Duration(time.Now().UnixNano())
}

func (c *cutBetween) SetWriteDeadline(time.Time) error { return nil }

func (c *cutBetween) SetReadDeadline(time.Time) error {
	c.once.Do(func() { close(c.cut) })
	return nil
}

// Fault: a token is revoked between the two checks of its request, and a look through the
// running requests happens while the request is being refused. Its connection was cut, so the
// refusal does not arrive whole, and no other request may use the connection.
func TestARequestThatIsCutWhileItIsRefusedIsAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &cutBetween{ResponseWriter: httptest.NewRecorder(), changed: make(chan struct{}, 1), cut: make(chan struct{})}
		clock.table = streams.New(streams.Options{Revoked: func(*store.Keys) bool { return true }, Changed: clock.changed})
		defer clock.table.Close()
		h := New(Options{})
		h.replica = replica.New(model.NewServer(1, 4096).Connect(nil), replica.Options{Lease: 3 * time.Second, Clock: clock})
		defer h.replica.Close()
		<-h.replica.Synced()
		h.running = clock.table
		h.isOpen.Store(true)
		token := &store.Keys{Session: store.Key{1}, IssuedAt: 1, Expires: 1 << 31}
		clock.revoke = func() {
			h.replica.RevokeLater(store.Revocation{Kind: store.KindSession, Key: token.Session, Expires: 1 << 31})
		}
		defer func() {
			if cause := recover(); cause != http.ErrAbortHandler {
				t.Errorf("ended with %v, want it abandoned", cause)
			}
			if n := h.running.Len(); n != 0 {
				t.Errorf("%d requests are left", n)
			}
		}()
		_, verdict := h.Enter(clock, httptest.NewRequest(http.MethodGet, "/", nil), token, streams.ByRevocation, time.Now())
		t.Errorf("the verdict %v goes out by a connection that was cut", verdict)
	})
}

// Fault: a look through the running requests happens while a request with a token that was
// revoked before is being refused, so that its client loses the 401 and its connection.
func TestARequestWithARevokedTokenIsNeverAmongTheRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &cutBetween{cut: make(chan struct{})}
		close(clock.cut)
		clock.table = streams.New(streams.Options{Revoked: func(*store.Keys) bool { return false }})
		defer clock.table.Close()
		clock.revoke = func() { t.Error("checked again, as a running request") }
		h := New(Options{})
		h.replica = replica.New(model.NewServer(1, 4096).Connect(nil), replica.Options{Lease: 3 * time.Second, Clock: clock})
		defer h.replica.Close()
		h.running = clock.table
		<-h.replica.Synced()
		h.isOpen.Store(true)
		token := &store.Keys{Session: store.Key{1}, IssuedAt: 1, Expires: 1 << 31}
		h.replica.RevokeLater(store.Revocation{Kind: store.KindSession, Key: token.Session, Expires: 1 << 31})
		_, verdict := h.Enter(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), token, streams.ByRevocation, time.Now())
		if verdict == replica.Clear {
			t.Errorf("the verdict is %v", verdict)
		}
	})
}
