package streams

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// brokenWriter is the writer of a connection that its client has closed.
type brokenWriter struct{ http.ResponseWriter }

func (brokenWriter) SetWriteDeadline(time.Time) error { return io.ErrClosedPipe }
func (brokenWriter) SetReadDeadline(time.Time) error  { return io.ErrClosedPipe }

// A request that cannot be cut is logged once, not with every look. If it ends by
// itself at that moment, that is no error.
func TestARequestThatCannotBeCutIsLogged(t *testing.T) {
	for name, test := range map[string]struct {
		writer http.ResponseWriter
		told   int
	}{
		"a handler hides the connection": {httptest.NewRecorder(), 1},
		"the client has closed it":       {brokenWriter{httptest.NewRecorder()}, 0},
		"a connection that was cut":      {new(deadlineWriter), 0},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			table := New(Options{
				Revoked: func(*store.Keys) bool { return true }, Changed: make(chan struct{}),
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			table.stop() // the test does the looks
			table.wait.Wait()
			defer table.Enter(test.writer, plain, new(store.Keys), ByRevocation).Leave()
			table.look()
			table.look()
			if told := strings.Count(log.String(), "could not be cut"); told != test.told {
				t.Errorf("logged %d times, want %d:\n%s", told, test.told, log.String())
			}
			if cut := strings.Count(log.String(), "running requests were cut"); cut != 1 {
				t.Errorf("counted %d times, want once:\n%s", cut, log.String())
			}
		})
	}
}

// Fault: a running Write resets the deadline. The request continues, and the next look cuts
// it again.
func TestARequestThatContinuesIsCutAgain(t *testing.T) {
	table := New(Options{Revoked: func(*store.Keys) bool { return true }, Changed: make(chan struct{})})
	table.stop() // the test does the looks
	table.wait.Wait()
	w := new(deadlineWriter)
	defer table.Enter(w, plain, new(store.Keys), ByRevocation).Leave()
	for range 3 {
		for began := time.Now(); !w.cut.Swap(false); table.look() { // look waits for first cuts only
			if time.Since(began) > limit {
				t.Fatal("it was not cut again")
			}
		}
	}
}
