package streams

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// limit is the longest time for anything that has to happen.
const limit = 20 * time.Second

// plain is an ordinary request.
var plain = httptest.NewRequest(http.MethodGet, "/", nil)

// gate is a server whose handler enters a table, with one token for all.
type gate struct {
	*httptest.Server
	table   *Table
	keys    store.Keys
	revoked atomic.Bool
	changed chan struct{}
	ended   chan bool // whether the answer was abandoned
}

// newGate serves a handler behind a table, over HTTP/1.1 or HTTP/2.
func newGate(t *testing.T, protocol int, handler http.HandlerFunc) *gate {
	t.Helper()
	g := &gate{changed: make(chan struct{}, 1), ended: make(chan bool, 1)}
	g.table = New(Options{Revoked: func(*store.Keys) bool { return g.revoked.Load() }, Changed: g.changed})
	t.Cleanup(g.table.Close)
	g.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running := g.table.Enter(w, r, &g.keys, ByRevocation)
		defer func() {
			abandon := running.Leave()
			g.ended <- abandon
			if abandon {
				panic(http.ErrAbortHandler)
			}
		}()
		if Tunnels(r) {
			w, r = running.Tunnel(w, r)
		}
		handler(w, r)
	}))
	g.EnableHTTP2 = protocol == 2
	g.Config.ConnContext = Connection
	g.StartTLS()
	t.Cleanup(g.Server.Close)
	return g
}

func (g *gate) revoke() {
	g.revoked.Store(true)
	g.changed <- struct{}{}
}

// mustEnd waits until the handler has left, and its answer was abandoned or not.
func (g *gate) mustEnd(t *testing.T, abandoned bool) {
	t.Helper()
	select {
	case got := <-g.ended:
		if got != abandoned {
			t.Errorf("the answer was abandoned: %v, want %v", got, abandoned)
		}
	case <-time.After(limit):
		t.Fatal("the request continues")
	}
	if n := g.table.Len(); n != 0 {
		t.Errorf("%d requests are left", n)
	}
}

// Attack: after the logout, a client continues to read, write or wait in a request that was
// admitted before.
func TestRunningRequestsAreCut(t *testing.T) {
	endless := func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := io.WriteString(w, "data: x\n\n"); err != nil {
				return
			}
			if http.NewResponseController(w).Flush() != nil {
				return
			}
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"an endless answer":           endless,
		"an answer that nobody reads": endless,
		"a silent one": func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
		"a long poll": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"an upload": func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).EnableFullDuplex()
			_ = http.NewResponseController(w).Flush()
			_, _ = io.Copy(io.Discard, r.Body)
		},
	} {
		for protocol := 1; protocol <= 2; protocol++ {
			t.Run(name+" over HTTP/"+string(rune('0'+protocol)), func(t *testing.T) {
				begun := make(chan struct{})
				g := newGate(t, protocol, func(w http.ResponseWriter, r *http.Request) {
					close(begun)
					handler(w, r)
				})
				body, upload := io.Pipe()
				defer upload.Close()
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL, nil)
				if err != nil {
					t.Fatal(err)
				}
				if name == "an upload" {
					request.Body, request.ContentLength = body, -1
					go func() {
						for {
							if _, err := upload.Write([]byte("more")); err != nil {
								return
							}
						}
					}()
				}
				answered := make(chan error, 1)
				go func() {
					response, err := g.Client().Do(request)
					if err == nil && name != "an answer that nobody reads" {
						_, err = io.Copy(io.Discard, response.Body)
						_ = response.Body.Close()
					}
					answered <- err
				}()
				<-begun
				g.revoke()
				g.mustEnd(t, true)
				if name != "an answer that nobody reads" {
					if err := <-answered; err == nil {
						t.Error("the answer looks complete to the client")
					}
				}
			})
		}
	}
}

// Attack: log out at a moment that makes another user's next request on the same connection
// fail. A front proxy shares its connections among users.
func TestACutHitsNoOtherRequest(t *testing.T) {
	table := New(Options{Revoked: func(*store.Keys) bool { return false }, Changed: make(chan struct{})})
	defer table.Close()
	before := table.Enter(new(deadlineWriter), plain, new(store.Keys), ByRevocation)
	late := candidate{request: before, turn: before.turn, keys: before.keys}
	before.Leave()
	var others []*deadlineWriter
	for range 8 * shards * prepared { // one of them gets the place
		w := new(deadlineWriter)
		others = append(others, w)
		defer table.Enter(w, plain, new(store.Keys), ByRevocation).Leave()
	}
	var cuts sync.WaitGroup
	if table.cut(late, revoked, &cuts) {
		t.Error("a request was cut that had left")
	}
	cuts.Wait()
	for _, w := range others {
		if w.cut.Load() {
			t.Error("another was cut in its place")
		}
	}
}

// A request and its connection are cut before its handler can leave.
func TestLeavingWaitsForTheCut(t *testing.T) {
	w := &slowWriter{ResponseWriter: httptest.NewRecorder(), cutting: make(chan struct{}), goOn: make(chan struct{})}
	table := New(Options{Revoked: func(*store.Keys) bool { return true }, Changed: make(chan struct{})})
	defer table.Close()
	running := table.Enter(w, plain, new(store.Keys), ByRevocation)
	go table.look()
	<-w.cutting
	left := make(chan bool)
	go func() { left <- running.Leave() }()
	select {
	case <-left:
		t.Error("the request left while it was cut")
	default:
	}
	close(w.goOn)
	if abandon := <-left; !abandon {
		t.Error("the answer looks complete")
	}
}

// Attack: a client reads nothing, behind a handler that hides the deadlines of its
// connection, and so keeps all others from being cut.
func TestACutThatHangsDelaysNoOther(t *testing.T) {
	hangs := &slowWriter{ResponseWriter: httptest.NewRecorder(), cutting: make(chan struct{}), goOn: make(chan struct{})}
	table := New(Options{Revoked: func(*store.Keys) bool { return true }, Changed: make(chan struct{})})
	defer table.Close()
	held := table.Enter(hangs, plain, new(store.Keys), ByRevocation)
	table.look()
	<-hangs.cutting
	other := new(deadlineWriter)
	defer table.Enter(other, plain, new(store.Keys), ByRevocation).Leave()
	table.look()
	if !other.cut.Load() {
		t.Error("the other request continues")
	}
	close(hangs.goOn)
	held.Leave()
}

// slowWriter is slow to set deadlines.
type slowWriter struct {
	http.ResponseWriter
	cutting, goOn chan struct{}
}

func (w *slowWriter) SetWriteDeadline(time.Time) error {
	close(w.cutting)
	<-w.goOn
	return nil
}

func (w *slowWriter) SetReadDeadline(time.Time) error { return nil }

// deadlineWriter notes whether it was cut.
type deadlineWriter struct {
	http.ResponseWriter
	cut atomic.Bool
}

func (w *deadlineWriter) SetWriteDeadline(time.Time) error { w.cut.Store(true); return nil }
func (w *deadlineWriter) SetReadDeadline(time.Time) error  { return nil }

// A closed store no longer reports what is revoked.
func TestCloseCutsRunningRequests(t *testing.T) {
	begun := make(chan struct{})
	g := newGate(t, 1, func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
	})
	go func() {
		if response, err := g.Client().Get(g.URL); err == nil {
			_ = response.Body.Close()
		}
	}()
	<-begun
	g.table.Close()
	g.mustEnd(t, true)
}
