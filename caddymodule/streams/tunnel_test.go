package streams

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// upgraded dials a gate, and asks to switch to another protocol.
func (g *gate) upgraded(t *testing.T, protocol string) (net.Conn, *bufio.Reader) {
	t.Helper()
	connection, err := tls.Dial("tcp", g.Listener.Addr().String(), g.Client().Transport.(*http.Transport).TLSClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	_ = connection.SetDeadline(time.Now().Add(limit))
	fmt.Fprintf(connection, "GET / HTTP/1.1\r\nHost: gate\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocol)
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("upgrading: %+v, error %v", response, err)
	}
	return connection, reader
}

// switchProtocols answers an upgrade as a reverse proxy does, and returns the connection.
func switchProtocols(t *testing.T, w http.ResponseWriter) net.Conn {
	t.Helper()
	w.Header().Set("Connection", "Upgrade")
	w.WriteHeader(http.StatusSwitchingProtocols)
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Errorf("hijacking: %v", err)
		panic(http.ErrAbortHandler)
	}
	if err := buffered.Flush(); err != nil {
		t.Errorf("answering: %v", err)
	}
	return connection
}

// A WebSocket of an ended session ends with the status 1008 if a frame can be sent. In the
// middle of a frame, and in another protocol, it ends without a frame.
func TestTunnelsAreCut(t *testing.T) {
	whole := frame(1, 200, false)
	for name, test := range map[string]struct {
		protocol   string
		sent, last []byte
	}{
		"a WebSocket between two frames":      {"websocket", whole, policyViolation},
		"a WebSocket, in other letters":       {"WebSocket", whole, policyViolation},
		"a WebSocket that sent nothing":       {"websocket", nil, policyViolation},
		"a WebSocket in the midst of a frame": {"websocket", whole[:100], nil},
		"a WebSocket in the midst of a head":  {"websocket", whole[:1], nil},
		"a WebSocket that was closed":         {"websocket", frame(8, 2, false), nil},
		"another protocol":                    {"chat", whole, nil},
	} {
		t.Run(name, func(t *testing.T) {
			sent, ended := make(chan struct{}), make(chan struct{})
			g := newGate(t, 1, func(w http.ResponseWriter, r *http.Request) {
				connection := switchProtocols(t, w)
				defer connection.Close()
				_, _ = connection.Write(test.sent)
				close(sent)
				if _, err := io.Copy(io.Discard, connection); err == nil {
					t.Error("reading from the client ended without an error")
				}
				<-r.Context().Done()
				if _, err := connection.Write(whole); err == nil {
					t.Error("the upstream can still write to the client")
				}
				close(ended)
			})
			client, reader := g.upgraded(t, test.protocol)
			<-sent
			g.revoke()
			got, err := io.ReadAll(reader)
			if want := append(bytes.Clone(test.sent), test.last...); !bytes.Equal(got, want) {
				t.Errorf("the client got % x, error %v, want % x", got, err, want)
			}
			<-ended
			_ = client.Close()
			g.mustEnd(t, false)
		})
	}
}

// Attack: read nothing, so that the buffers of the connection are full. The goroutine that
// ends it would wait, and with it the end of all others.
func TestATunnelThatNobodyReadsIsCut(t *testing.T) {
	writes := make(chan struct{})
	g := newGate(t, 1, func(w http.ResponseWriter, _ *http.Request) {
		connection := switchProtocols(t, w)
		defer connection.Close()
		close(writes)
		// Far more than the system buffers for a connection.
		if _, err := connection.Write(frame(2, 64<<20, false)); err == nil {
			t.Error("everything was written, although the client does not read")
		}
	})
	_, _ = g.upgraded(t, "websocket")
	<-writes
	g.revoke()
	g.mustEnd(t, false)
}

// Fault: the session is revoked after the upstream has switched to another protocol, and
// before the connection is hijacked. net/http then removes the deadlines, which were the
// cut.
func TestNoConnectionIsHijackedAfterTheCut(t *testing.T) {
	g := newGate(t, 1, func(w http.ResponseWriter, r *http.Request) {
		before := w.(*tunnel)
		if before.cut() {
			t.Error("it was no tunnel yet")
		}
		if _, _, err := before.Hijack(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("hijacking: %v", err)
		}
		if r.Context().Err() == nil {
			t.Error("the request to the upstream was not ended")
		}
	})
	connection, err := tls.Dial("tcp", g.Listener.Addr().String(), g.Client().Transport.(*http.Transport).TLSClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(limit))
	fmt.Fprint(connection, "GET / HTTP/1.1\r\nHost: gate\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	if answer, err := io.ReadAll(connection); len(answer) > 0 {
		t.Errorf("the client got %q, error %v", answer, err)
	}
	g.mustEnd(t, false)
}

// connectWriter is the writer of a stream that its deadlines do not cut.
type connectWriter struct {
	*httptest.ResponseRecorder
	read, write time.Time
}

func (w *connectWriter) SetReadDeadline(at time.Time) error  { w.read = at; return nil }
func (w *connectWriter) SetWriteDeadline(at time.Time) error { w.write = at; return nil }

// A WebSocket over HTTP/2 or HTTP/3 begins with CONNECT (RFC 8441, RFC 9220) and
// has no connection of its own.
func TestAWebSocketInAStreamIsCut(t *testing.T) {
	for _, protocol := range []func(*http.Request){
		func(r *http.Request) { r.ProtoMajor, r.Header = 2, http.Header{":protocol": {"websocket"}} },
		func(r *http.Request) { r.ProtoMajor, r.Proto = 3, "websocket" },
	} {
		r := httptest.NewRequest(http.MethodConnect, "/", nil)
		protocol(r)
		table := New(Options{Revoked: func(*store.Keys) bool { return false }, Changed: make(chan struct{})})
		defer table.Close()
		under := &connectWriter{ResponseRecorder: httptest.NewRecorder()}
		running := table.Enter(under, r, new(store.Keys), ByRevocation)
		if !Tunnels(r) {
			t.Fatal("CONNECT is no tunnel")
		}
		w, r := running.Tunnel(under, r)
		w.WriteHeader(http.StatusOK)
		whole := frame(1, 5, false)
		if _, err := w.Write(whole); err != nil {
			t.Fatal(err)
		}
		table.cutAll(revoked, func(candidate) bool { return true })
		if _, err := w.Write(whole); !errors.Is(err, net.ErrClosed) {
			t.Errorf("writing after the cut: %v", err)
		}
		if want := append(whole, policyViolation...); !bytes.Equal(under.Body.Bytes(), want) || !under.Flushed {
			t.Errorf("the client got % x, flushed %v", under.Body.Bytes(), under.Flushed)
		}
		if !under.read.Equal(long) || time.Until(under.write) > lingering || r.Context().Err() == nil {
			t.Errorf("deadlines %v, %v, context %v", under.read, under.write, r.Context().Err())
		}
		if running.Leave() {
			t.Error("the answer was abandoned, and the end of the stream has to follow the frame")
		}
	}
}

// A request over HTTP/3 that was cut has a cancelled context, because its deadlines do
// not reach a handler that waits for the upstream.
func TestACutOverHTTP3EndsTheUpstreamRequest(t *testing.T) {
	table := New(Options{Revoked: func(*store.Keys) bool { return false }, Changed: make(chan struct{})})
	defer table.Close()
	for _, early := range []bool{false, true} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.ProtoMajor = 3
		under := &connectWriter{ResponseRecorder: httptest.NewRecorder()}
		running := table.Enter(under, r, new(store.Keys), ByRevocation)
		cut := func() { table.cutAll(revoked, func(candidate) bool { return true }) }
		if early { // between the check and this line
			cut()
		}
		_, r = running.Tunnel(under, r)
		if !early {
			cut()
		}
		if !under.read.Equal(long) || !under.write.Equal(long) || r.Context().Err() == nil {
			t.Errorf("early %v: deadlines %v, %v, context %v", early, under.read, under.write, r.Context().Err())
		}
		if !running.Leave() {
			t.Error("the answer looks complete")
		}
	}
}
