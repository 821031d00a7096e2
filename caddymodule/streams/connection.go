package streams

import (
	"context"
	"net"
)

// connectionKey is where the context of a connection has what cancels it.
type connectionKey struct{}

// Connection gives a connection a context that a cut can cancel, and with it that of
// the request which is running. It is for http.Server.ConnContext. A connection that
// has such a context keeps it.
//
// One that is never cancelled leaves nothing behind: the context of a server is not
// cancelled either, and knows none of those that come from it.
func Connection(ctx context.Context, _ net.Conn) context.Context {
	if ctx.Value(connectionKey{}) != nil {
		return ctx
	}
	ctx, cancel := context.WithCancel(ctx)
	return context.WithValue(ctx, connectionKey{}, cancel)
}

// cancelConnection cancels the context of the connection that a request's context
// comes from, if there is one.
func cancelConnection(request context.Context) {
	if request == nil {
		return
	}
	if cancel, ok := request.Value(connectionKey{}).(context.CancelFunc); ok {
		cancel()
	}
}
