package harness

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// UpstreamBody is the upstream's answer to every request, with status 200.
const UpstreamBody = "hello from the upstream\n"

// Reached is a request as the upstream received it.
type Reached struct {
	Method  string
	URI     string // as in the request line
	Host    string
	Header  http.Header
	Trailer http.Header
	Body    string
}

// Upstream is the backend behind a gate: it answers every request, and records it. It may
// be used concurrently.
type Upstream struct {
	server *httptest.Server

	mu      sync.Mutex
	reached []Reached
	special map[string]http.HandlerFunc
}

// NewUpstream starts an upstream. It ends with the test.
func NewUpstream(tb testing.TB) *Upstream {
	u := new(Upstream)
	u.server = httptest.NewServer(u)
	tb.Cleanup(u.server.Close)
	return u
}

// Addr returns the address of the upstream, as host:port.
func (u *Upstream) Addr() string { return u.server.Listener.Addr().String() }

// Handle makes a handler answer the requests for a path. These requests are not recorded.
func (u *Upstream) Handle(path string, handler http.HandlerFunc) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.special == nil {
		u.special = make(map[string]http.HandlerFunc)
	}
	u.special[path] = handler
}

// ServeHTTP implements http.Handler.
func (u *Upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	special := u.special[r.URL.Path]
	u.mu.Unlock()
	if special != nil {
		special(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	u.mu.Lock()
	u.reached = append(u.reached, Reached{
		Method: r.Method, URI: r.RequestURI, Host: r.Host,
		Header: maps.Clone(r.Header), Trailer: maps.Clone(r.Trailer), Body: string(body),
	})
	u.mu.Unlock()
	_, _ = io.WriteString(w, UpstreamBody) // the client may have gone
}

// Take returns the requests that reached the upstream since the last Take, oldest first.
func (u *Upstream) Take() []Reached {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := slices.Clone(u.reached)
	u.reached = nil
	return taken
}

// TakeOne is Take for exactly one request.
func (u *Upstream) TakeOne(tb testing.TB) Reached {
	tb.Helper()
	taken := u.Take()
	if len(taken) != 1 {
		tb.Fatalf("%d requests reached the upstream, want one: %v", len(taken), taken)
	}
	return taken[0]
}

// Events answers with a server-sent event at this interval, until the client has gone.
func Events(every time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		tick := time.NewTicker(every)
		defer tick.Stop()
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, "data: x\n\n") // the context reports the end
			w.(http.Flusher).Flush()
			select {
			case <-tick.C:
			case <-r.Context().Done():
			}
		}
	}
}
