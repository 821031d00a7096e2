package redisstore

import (
	"context"
	"net"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// connect returns the client that the options describe, behind sentinels if there
// are any.
func connect(o *redis.UniversalOptions, w *sentinels) redis.UniversalClient {
	if w != nil {
		o.Addrs, o.Dialer = o.Addrs[:1], w.dial
	}
	client := redis.NewUniversalClient(o)
	switch client := client.(type) {
	case *redis.Client:
		client.AddHook(everyDial{})
	case *redis.ClusterClient:
		client.OnNewNode(func(node *redis.Client) { node.AddHook(everyDial{}) })
	}
	return client
}

// everyDial makes every call that finds no connection dial. go-redis' pool gives up
// after as many failed dials as it may have connections. It then tries once a second,
// and meanwhile every call fails at once: a lease would expire although Redis is back.
// So a failed dial returns a broken connection, which the pool does not count.
type everyDial struct{}

// DialHook implements redis.Hook.
func (everyDial) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := next(ctx, network, address)
		if err != nil {
			return broken{err}, nil
		}
		return conn, nil
	}
}

// ProcessHook implements redis.Hook.
func (everyDial) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

// ProcessPipelineHook implements redis.Hook.
func (everyDial) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// broken is a connection that was never made. Its first use returns the reason.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error)  { return 0, b.err }
func (b broken) Write([]byte) (int, error) { return 0, b.err }

// SyscallConn is called by the pool to check whether an idle connection still lives.
func (b broken) SyscallConn() (syscall.RawConn, error) { return nil, b.err }

func (broken) Close() error                     { return nil }
func (broken) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (broken) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (broken) SetDeadline(time.Time) error      { return nil }
func (broken) SetReadDeadline(time.Time) error  { return nil }
func (broken) SetWriteDeadline(time.Time) error { return nil }

var (
	_ redis.Hook   = everyDial{}
	_ net.Conn     = broken{}
	_ syscall.Conn = broken{}
)
