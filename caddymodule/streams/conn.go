package streams

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lingering is how long a client may take to close after a close frame was sent. If
	// the connection is closed before, the frame may be lost.
	lingering = time.Second
	// maxLingering bounds what the client may send meanwhile, in bytes.
	maxLingering = 1 << 20
)

// conn is a connection that was hijacked.
type conn struct {
	net.Conn
	tunnel *tunnel
	// closeSent says that a close frame was sent to the client.
	closeSent atomic.Bool
	closing   sync.Once
	closed    error
}

type closeWriter interface{ CloseWrite() error }

// halfConn is a conn whose halves can be closed separately.
type halfConn struct {
	*conn
	half closeWriter
}

// CloseWrite closes the half to the client.
func (c halfConn) CloseWrite() error {
	if c.tunnel.over.Load() {
		return net.ErrClosed // it is closing already, after a close frame
	}
	return c.half.CloseWrite()
}

// Write writes to the client until the tunnel is cut.
func (c *conn) Write(p []byte) (int, error) { return c.tunnel.write(c.Conn, p) }

// Read reads from the client until the tunnel is cut. Later data is dropped.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.tunnel.over.Load() {
		return 0, net.ErrClosed
	}
	return n, err
}

// Close closes the connection. If a close frame was sent, the client may close first,
// for a moment. Closing while the client still sends would reset the connection, and
// the client would never see the frame (RFC 6455 §7.1.1).
func (c *conn) Close() error {
	c.closing.Do(func() {
		if c.closeSent.Load() {
			c.linger()
		}
		c.closed = c.Conn.Close()
	})
	return c.closed
}

func (c *conn) linger() {
	if half, ok := c.Conn.(closeWriter); ok {
		_ = half.CloseWrite()
	}
	_ = c.Conn.SetReadDeadline(time.Now().Add(lingering))
	_, _ = io.Copy(io.Discard, io.LimitReader(c.Conn, maxLingering)) // the client may be gone
}
