package streams

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// Attack: avoid every running read and write that a deadline would end. The connection's
// context ends the request. This applies to HTTP/1 only: in other versions requests share a
// connection.
func TestACutCancelsAConnectionThatIsNotShared(t *testing.T) {
	for protocol := 1; protocol <= 3; protocol++ {
		connection := Connection(context.Background(), nil)
		if again := Connection(connection, nil); again != connection {
			t.Error("a second gate gave the connection another context")
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(connection)
		r.ProtoMajor = protocol
		table := New(Options{Revoked: func(*store.Keys) bool { return true }, Changed: make(chan struct{})})
		defer table.Close()
		running := table.Enter(new(deadlineWriter), r, new(store.Keys), ByRevocation)
		table.look()
		if cancelled := r.Context().Err() != nil; cancelled != (protocol == 1) {
			t.Errorf("over HTTP/%d, the connection's context was cancelled: %v", protocol, cancelled)
		}
		if !running.Leave() {
			t.Error("the connection may be used again")
		}
	}
}

// Fault: over HTTP/1, a CONNECT has no tunnel without its connection, and the next
// request must not use a connection that was cut.
func TestACutConnectOverHTTP1IsAbandoned(t *testing.T) {
	r := httptest.NewRequest(http.MethodConnect, "/", nil).WithContext(Connection(context.Background(), nil))
	table := New(Options{Revoked: func(*store.Keys) bool { return true }, Changed: make(chan struct{})})
	defer table.Close()
	under := &connectWriter{ResponseRecorder: httptest.NewRecorder()}
	running := table.Enter(under, r, new(store.Keys), ByRevocation)
	w, tunnelled := running.Tunnel(under, r)
	w.WriteHeader(http.StatusOK)
	table.look()
	if !under.write.Equal(long) || tunnelled.Context().Err() == nil || !running.Leave() {
		t.Error("the connection may be used again")
	}
}
