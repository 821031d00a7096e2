package streams

import (
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// stuckWriter is the writer of a stream to a client that reads nothing. Like Caddy's, its
// running Write resets deadlines that were set meanwhile.
type stuckWriter struct {
	connectWriter
	mu              sync.Mutex
	deaf            int // how many deadlines it resets
	writing, cut    chan struct{}
	written, passed sync.Once
}

func (w *stuckWriter) SetWriteDeadline(time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.deaf--; w.deaf < 0 {
		w.release()
	}
	return nil
}

func (w *stuckWriter) release() { w.passed.Do(func() { close(w.cut) }) }

// stuck reports whether the Write is still running.
func (w *stuckWriter) stuck() bool {
	select {
	case <-w.cut:
		return false
	default:
		return true
	}
}

func (w *stuckWriter) Write([]byte) (int, error) {
	w.written.Do(func() { close(w.writing) })
	<-w.cut
	return 0, os.ErrDeadlineExceeded
}

// Attack: read nothing from a WebSocket in a stream while its response is written, and
// continue to send. The Write resets the deadline, for a minute, and blocks the close
// frame.
func TestAWriteThatResetsDeadlinesDelaysNoCut(t *testing.T) {
	for name, deaf := range map[string]int{"once": 1, "during all of a cut": 1000} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodConnect, "/", nil)
			r.ProtoMajor, r.Proto = 3, "websocket"
			table := New(Options{Revoked: func(*store.Keys) bool { return true }, Changed: make(chan struct{})})
			table.stop() // the test does the looks
			table.wait.Wait()
			under := &stuckWriter{deaf: deaf, writing: make(chan struct{}), cut: make(chan struct{})}
			under.ResponseRecorder = httptest.NewRecorder()
			running := table.Enter(under, r, new(store.Keys), ByRevocation)
			w, r := running.Tunnel(under, r)
			w.WriteHeader(http.StatusOK)
			var writes sync.WaitGroup
			writes.Go(func() {
				if _, err := w.Write(frame(1, 5, false)); err == nil {
					t.Error("it was written")
				}
			})
			<-under.writing
			began := time.Now()
			table.look()
			select {
			case <-r.Context().Done():
			case <-time.After(limit):
				under.release()
				t.Fatal("the request to the upstream was not ended")
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("the request to the upstream ended after %v", took)
			}
			under.mu.Lock()
			under.deaf = 0
			under.mu.Unlock()
			for began := time.Now(); under.stuck(); table.look() { // the first cut may still run
				if time.Since(began) > limit {
					under.release()
					t.Error("the Write was not ended by a later look")
				}
			}
			writes.Wait()
			running.Leave()
			if !under.read.Equal(long) {
				t.Errorf("the client may send until %v", under.read)
			}
		})
	}
}
