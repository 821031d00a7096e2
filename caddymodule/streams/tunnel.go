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

// lastWord is how long a client may take to read what was sent to it before its
// tunnel is cut.
const lastWord = 100 * time.Millisecond

// tunnel is a request that deadlines alone do not end: one that may go on in
// another protocol, or one over HTTP/3.
type tunnel struct {
	http.ResponseWriter
	cancel context.CancelFunc
	// webSocket says that the other protocol is that, and connect that it begins
	// without a connection of its own (RFC 8441, RFC 9220), not as in HTTP/1.
	webSocket, connect bool

	over  atomic.Bool
	begun atomic.Bool // the other protocol
	conn  atomic.Pointer[conn]

	// silent says that there was no time for a goodbye.
	silent atomic.Bool

	mu     sync.Mutex // of writes
	frames frames     // to the client
}

// Tunnels reports whether a request needs Tunnel.
func Tunnels(r *http.Request) bool {
	return r.ProtoMajor == 3 || len(r.Header["Upgrade"]) > 0 || r.Method == http.MethodConnect
}

// Tunnel prepares a request for which Tunnels is true. The handlers that follow
// have to be given what it returns.
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
	if r.reason != running { // cut already, by its deadlines alone
		t.over.Store(true)
		cancel()
	}
	return t, request.WithContext(ctx)
}

// isWebSocket reports whether a request asks to go on as a WebSocket (RFC 6455
// §4.1, RFC 8441 §5, RFC 9220).
func isWebSocket(r *http.Request) bool {
	const webSocket = "websocket"
	if r.Method == http.MethodConnect {
		return r.Proto == webSocket || r.Header.Get(":protocol") == webSocket
	}
	return slices.ContainsFunc(r.Header["Upgrade"], func(value string) bool {
		return strings.EqualFold(strings.TrimSpace(value), webSocket)
	})
}

// Unwrap is how http.ResponseController finds what else the writer can do.
func (t *tunnel) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// WriteHeader notes that a CONNECT has become a tunnel.
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

// FlushError implements what http.ResponseController asks for.
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

// Hijack hands out the connection, which ends with the tunnel.
func (t *tunnel) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	hijacked, buffered, err := http.NewResponseController(t.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	c := &conn{Conn: hijacked, tunnel: t}
	t.begun.Store(true)
	t.conn.Store(c)
	// A cut before now took it for an ordinary request, and the deadlines that it
	// set are gone: net/http takes them off a connection that it hands out.
	if t.over.Load() {
		_ = hijacked.Close()
		return nil, nil, net.ErrClosed
	}
	if half, ok := hijacked.(closeWriter); ok {
		return halfConn{c, half}, buffered, nil
	}
	return c, buffered, nil
}

// cut ends the tunnel, and reports whether it was one. If it was not, the deadlines
// of the request have to be set.
//
// Where a WebSocket is between two frames, its client is told that it is over by a
// close frame. In the midst of one there is no way to.
func (t *tunnel) cut() (established bool) {
	first := !t.over.Swap(true)
	defer t.cancel() // the upstream is told
	if !t.begun.Load() {
		return false
	}
	end, to := t.ending()
	if first {
		if t.lockSoon(end) {
			t.sayGoodbye(to)
			t.mu.Unlock()
		} else {
			t.silent.Store(true)
		}
		_ = end.SetReadDeadline(long) // a read that is under way ends
	}
	if t.silent.Load() {
		_ = end.SetWriteDeadline(long)
	}
	return true
}

// lockSoon waits for whoever writes at this moment, who holds mu, and reports whether
// it has mu. The client has so long to read what is being written.
//
// Attack: read nothing. A Write that is under way in Caddy may take back the deadline
// which was set meanwhile, for a minute, so that it is set again, and not waited for.
func (t *tunnel) lockSoon(end deadlines) bool {
	over := time.Now().Add(lastWord)
	for late := over.Add(lastWord); ; time.Sleep(lastWord / 20) {
		_ = end.SetWriteDeadline(over)
		if t.mu.TryLock() {
			return true
		}
		if time.Now().After(late) {
			return false
		}
	}
}

// deadlines end what is under way on a connection, or on a stream.
type deadlines interface {
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// ending is what the tunnel goes through to the client.
func (t *tunnel) ending() (deadlines, io.Writer) {
	if c := t.conn.Load(); c != nil {
		return c.Conn, c.Conn
	}
	return http.NewResponseController(t.ResponseWriter), t.ResponseWriter
}

// sayGoodbye tells the client that its WebSocket is over, where that is possible.
// The caller holds mu.
func (t *tunnel) sayGoodbye(to io.Writer) {
	if !t.webSocket || !t.frames.between() {
		return
	}
	if _, err := to.Write(policyViolation); err != nil {
		return
	}
	if c := t.conn.Load(); c != nil {
		c.farewell.Store(true)
		return
	}
	controller := http.NewResponseController(t.ResponseWriter)
	_ = controller.Flush()
	_ = controller.SetWriteDeadline(time.Now().Add(lingering)) // the end of the stream has to follow
}
