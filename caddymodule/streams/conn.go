package streams

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lingering is how long a client that was sent a close frame may take to
	// close. A connection that is closed before may take the frame with it.
	lingering = time.Second
	// maxLingering bounds what the client may send meanwhile, in bytes.
	maxLingering = 1 << 20
)

// conn is a connection that was hijacked.
type conn struct {
	net.Conn
	tunnel *tunnel
	// farewell says that the client was sent a close frame.
	farewell atomic.Bool
	closing  sync.Once
	closed   error
}

type closeWriter interface{ CloseWrite() error }

// halfConn is a conn whose halves can be closed by themselves.
type halfConn struct {
	*conn
	half closeWriter
}

// CloseWrite closes the half to the client.
func (c halfConn) CloseWrite() error {
	if c.tunnel.over.Load() {
		return net.ErrClosed // it is on its way, after a close frame
	}
	return c.half.CloseWrite()
}

// Write writes to the client until the tunnel is cut.
func (c *conn) Write(p []byte) (int, error) { return c.tunnel.write(c.Conn, p) }

// Read reads from the client until the tunnel is cut. What is read then is
// dropped.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.tunnel.over.Load() {
		return 0, net.ErrClosed
	}
	return n, err
}

// Close closes the connection. A client that was sent a close frame may close it
// first, for a moment: to close while it still sends would reset the connection,
// and it would never see the frame (RFC 6455 §7.1.1).
func (c *conn) Close() error {
	c.closing.Do(func() {
		if c.farewell.Load() {
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
