package model

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// Call describes a client's call of its server.
type Call struct {
	// Method is the name of the method, as in store.Fleet.
	Method string
	// Argument is the argument of the call, or nil if it has none of interest.
	Argument any
}

// Deliver carries out a call at the server and returns its reply. It may be called later,
// more than once, or never. Each time, one request arrives.
type Deliver func(ctx context.Context) (any, error)

// Link carries a call from a client to its server and the reply back. The client gets its
// result: the reply of one delivery, or an error instead. A link must return when ctx
// ends.
type Link func(ctx context.Context, call Call, deliver Deliver) (any, error)

// Client is one gate's connection to a server. It implements store.Backend and
// store.Fleet, and is safe for concurrent use.
type Client struct {
	server atomic.Pointer[Server]
	link   Link
	life   context.Context
	end    context.CancelFunc
}

// Connect returns a client that sends its calls through a link. A nil link has no faults.
func (s *Server) Connect(link Link) *Client {
	if link == nil {
		link = func(ctx context.Context, _ Call, deliver Deliver) (any, error) { return deliver(ctx) }
	}
	c := &Client{link: link}
	c.server.Store(s)
	c.life, c.end = context.WithCancel(context.Background())
	return c
}

// Move sends later calls to another server, because the client has learned that it was
// promoted. Calls on their way still arrive at the old server.
func (c *Client) Move(to *Server) { c.server.Store(to) }

// carry sends a call through the link and returns the reply.
func carry[R any](ctx context.Context, c *Client, call Call, apply func(context.Context, *Server) (R, error)) (R, error) {
	var none R
	server := c.server.Load()
	if c.life.Err() != nil {
		return none, fmt.Errorf("calling %s: %w", call.Method, store.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return none, fmt.Errorf("calling %s: %w", call.Method, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	reply, err := c.link(ctx, call, func(ctx context.Context) (any, error) {
		if err := server.takesCalls(); err != nil {
			return nil, err
		}
		return apply(ctx, server)
	})
	if c.life.Err() != nil {
		return none, fmt.Errorf("calling %s: %w", call.Method, store.ErrClosed)
	}
	if err != nil {
		return none, fmt.Errorf("calling %s: %w", call.Method, err)
	}
	return reply.(R), nil
}

// do is carry for a call without a reply.
func do(ctx context.Context, c *Client, call Call, apply func(*Server)) error {
	_, err := carry(ctx, c, call, func(_ context.Context, server *Server) (struct{}, error) {
		apply(server)
		return struct{}{}, nil
	})
	return err
}

// Append implements store.Store.
func (c *Client) Append(ctx context.Context, revocations ...store.Revocation) (store.Position, error) {
	head, err := c.publish(ctx, "Append", revocations)
	return head.Position, err
}

// Publish implements store.Fleet.
func (c *Client) Publish(ctx context.Context, revocations ...store.Revocation) (store.Head, error) {
	return c.publish(ctx, "Publish", revocations)
}

func (c *Client) publish(ctx context.Context, method string, revocations []store.Revocation) (store.Head, error) {
	if _, err := store.MarshalRevocations(revocations); err != nil {
		return store.Head{}, fmt.Errorf("calling %s: %w", method, err)
	}
	revocations = slices.Clone(revocations) // a delivery may come after the call has ended
	return carry(ctx, c, Call{method, revocations}, func(_ context.Context, server *Server) (store.Head, error) {
		return server.publish(revocations), nil
	})
}

// Read implements store.Store.
func (c *Client) Read(ctx context.Context, after store.Position, wait time.Duration) (store.Batch, error) {
	return carry(ctx, c, Call{"Read", after}, func(ctx context.Context, server *Server) (store.Batch, error) {
		return server.read(ctx, after, wait)
	})
}

// Trim implements store.Store.
func (c *Client) Trim(ctx context.Context, now time.Time) error {
	return do(ctx, c, Call{"Trim", now}, func(server *Server) { server.trim(now) })
}

// Heartbeat implements store.Fleet.
func (c *Client) Heartbeat(ctx context.Context, beat store.Heartbeat) (store.Head, error) {
	return carry(ctx, c, Call{"Heartbeat", beat}, func(_ context.Context, server *Server) (store.Head, error) {
		return server.heartbeat(beat), nil
	})
}

// SetLease implements store.Fleet.
func (c *Client) SetLease(ctx context.Context, lease time.Duration) (store.Head, error) {
	return carry(ctx, c, Call{"SetLease", lease}, func(_ context.Context, server *Server) (store.Head, error) {
		return server.setLease(lease), nil
	})
}

// Look implements store.Fleet.
func (c *Client) Look(ctx context.Context) (store.Head, error) {
	return carry(ctx, c, Call{"Look", nil}, func(_ context.Context, server *Server) (store.Head, error) {
		return server.look(), nil
	})
}

// Leave implements store.Fleet.
func (c *Client) Leave(ctx context.Context, gate store.GateID) error {
	return do(ctx, c, Call{"Leave", gate}, func(server *Server) { server.leave(gate) })
}

// merged is the reply to a merge.
type merged struct {
	head store.Head
	done bool
}

// Merge implements store.Fleet.
func (c *Client) Merge(ctx context.Context, merge store.Merge) (store.Head, bool, error) {
	if len(merge.Revocations) > 0 {
		if _, err := store.MarshalRevocations(merge.Revocations); err != nil {
			return store.Head{}, false, fmt.Errorf("calling Merge: %w", err)
		}
	}
	merge.Revocations = slices.Clone(merge.Revocations)
	reply, err := carry(ctx, c, Call{"Merge", merge}, func(_ context.Context, server *Server) (merged, error) {
		head, done := server.merge(merge)
		return merged{head, done}, nil
	})
	return reply.head, reply.done, err
}

// Seen implements store.Sessions.
func (c *Client) Seen(ctx context.Context, sessions ...store.Session) error {
	return do(ctx, c, Call{"Seen", len(sessions)}, func(server *Server) { server.seen(sessions) })
}

// Owner implements store.Sessions.
func (c *Client) Owner(ctx context.Context, issuer, id string) (string, error) {
	return carry(ctx, c, Call{"Owner", id}, func(_ context.Context, server *Server) (string, error) {
		return server.owner(issuer, id)
	})
}

// Of implements store.Sessions.
func (c *Client) Of(ctx context.Context, issuer, subject string) ([]store.Session, error) {
	return carry(ctx, c, Call{"Of", subject}, func(_ context.Context, server *Server) ([]store.Session, error) {
		return server.of(issuer, subject), nil
	})
}

// Close implements store.Store.
func (c *Client) Close() error {
	if c.life.Err() != nil {
		return fmt.Errorf("closing: %w", store.ErrClosed)
	}
	c.end()
	return nil
}

var (
	_ store.Backend = (*Client)(nil)
	_ store.Fleet   = (*Client)(nil)
)
