package streams

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// writeTimeout is how long a client may take to read sent data before its tunnel is cut.
const writeTimeout = 100 * time.Millisecond

// tunnel is a request that deadlines alone do not end: it may continue in another
// protocol, or it came over HTTP/3.
type tunnel struct {
	http.ResponseWriter
	cancel context.CancelFunc
	// webSocket reports whether the other protocol is WebSocket. connect reports whether it
	// shares its connection (RFC 8441, RFC 9220), unlike in HTTP/1.
	webSocket, connect bool

	over  atomic.Bool
	begun atomic.Bool // whether the other protocol has begun
	conn  atomic.Pointer[conn]

	// silent reports whether there was no time for a close frame.
	silent atomic.Bool

	mu     sync.Mutex // of writes
	frames frames     // to the client
}

// Tunnels reports whether a request needs Tunnel.
func Tunnels(r *http.Request) bool {
	return r.ProtoMajor == 3 || len(r.Header["Upgrade"]) > 0 || r.Method == http.MethodConnect
}

// Tunnel prepares a request for which Tunnels is true. Pass its results to the next
// handlers.
func (r *Request) Tunnel(w http.ResponseWriter, request *http.Request) (http.ResponseWriter, *http.Request) {
	ctx, cancel := context.WithCancel(request.Context())
	t := &tunnel{
		ResponseWriter: w, cancel: cancel,
		connect:   request.Method == http.MethodConnect && request.ProtoMajor > 1,
		webSocket: isWebSocket(request),
	}
	r.home.mu.Lock()
	defer r.home.mu.Unlock()
	r.tunnel = t
	if r.reason != running { // it was cut already, by its deadlines alone
		t.over.Store(true)
		cancel()
	}
	return t, request.WithContext(ctx)
}

// isWebSocket reports whether a request asks to continue as a WebSocket (RFC 6455 §4.1, RFC
// 8441 §5, RFC 9220).
func isWebSocket(r *http.Request) bool {
	const webSocket = "websocket"
	if r.Method == http.MethodConnect {
		return r.Proto == webSocket || r.Header.Get(":protocol") == webSocket
	}
	return slices.ContainsFunc(r.Header["Upgrade"], func(value string) bool {
		return strings.EqualFold(strings.TrimSpace(value), webSocket)
	})
}

// Unwrap gives http.ResponseController access to the other methods of the writer.
func (t *tunnel) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// WriteHeader notes that a CONNECT has opened a tunnel.
func (t *tunnel) WriteHeader(status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.connect && status/100 == 2 {
		t.begun.Store(true)
	}
	t.ResponseWriter.WriteHeader(status)
}

// Write writes to the client until the tunnel is cut.
func (t *tunnel) Write(p []byte) (int, error) { return t.write(t.ResponseWriter, p) }

// FlushError implements the interface of http.ResponseController.
func (t *tunnel) FlushError() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return http.NewResponseController(t.ResponseWriter).Flush()
}

func (t *tunnel) write(to io.Writer, p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over.Load() {
		return 0, net.ErrClosed
	}
	n, err := to.Write(p)
	if t.webSocket && t.begun.Load() {
		t.frames.pass(p[:n])
	}
	return n, err
}

// Hijack returns the connection, which ends with the tunnel.
func (t *tunnel) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	hijacked, buffered, err := http.NewResponseController(t.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	c := &conn{Conn: hijacked, tunnel: t}
	t.begun.Store(true)
	t.conn.Store(c)
	// An earlier cut ended this request like an ordinary one. Its deadlines no longer
	// apply, because net/http removes them from a connection that is hijacked.
	if t.over.Load() {
		_ = hijacked.Close()
		return nil, nil, net.ErrClosed
	}
	if half, ok := hijacked.(closeWriter); ok {
		return halfConn{c, half}, buffered, nil
	}
	return c, buffered, nil
}

// cut ends the tunnel, and reports whether there was one. If not, the caller has to set the
// deadlines of the request.
//
// Between two frames of a WebSocket, a close frame informs its client. In the middle of a
// frame this is not possible.
func (t *tunnel) cut() (established bool) {
	first := !t.over.Swap(true)
	defer t.cancel() // this ends the request to the upstream
	if !t.begun.Load() {
		return false
	}
	end, to := t.ending()
	if first {
		if t.lockSoon(end) {
			t.sendClose(to)
			t.mu.Unlock()
		} else {
			t.silent.Store(true)
		}
		_ = end.SetReadDeadline(long) // a running read ends
	}
	if t.silent.Load() {
		_ = end.SetWriteDeadline(long)
	}
	return true
}

// lockSoon waits for a running write, which holds mu, and reports whether it has mu.
// The client has this long to read the data.
//
// Attack: read nothing. A running Write of Caddy may reset a deadline that was set
// meanwhile, for a minute. So the deadline is set again, and lockSoon does not wait for
// the Write.
func (t *tunnel) lockSoon(end deadlines) bool {
	over := time.Now().Add(writeTimeout)
	for late := over.Add(writeTimeout); ; time.Sleep(writeTimeout / 20) {
		_ = end.SetWriteDeadline(over)
		if t.mu.TryLock() {
			return true
		}
		if time.Now().After(late) {
			return false
		}
	}
}

// deadlines end running reads and writes on a connection, or on a stream.
type deadlines interface {
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// ending returns the deadlines and the writer with which the tunnel ends towards the
// client.
func (t *tunnel) ending() (deadlines, io.Writer) {
	if c := t.conn.Load(); c != nil {
		return c.Conn, c.Conn
	}
	return http.NewResponseController(t.ResponseWriter), t.ResponseWriter
}

// sendClose tells the client that its WebSocket has ended, if that is possible. The
// caller holds mu.
func (t *tunnel) sendClose(to io.Writer) {
	if !t.webSocket || !t.frames.between() {
		return
	}
	if _, err := to.Write(policyViolation); err != nil {
		return
	}
	if c := t.conn.Load(); c != nil {
		c.closeSent.Store(true)
		return
	}
	controller := http.NewResponseController(t.ResponseWriter)
	_ = controller.Flush()
	_ = controller.SetWriteDeadline(time.Now().Add(lingering)) // the end of the stream must follow
}
