package streams

import (
	"context"
	"net"
)

// connectionKey is the key of the cancel function in the context of a connection.
type connectionKey struct{}

// Connection gives a connection a context that a cut can cancel. That also cancels the
// running request. Use it as http.Server.ConnContext. A connection that already has such a
// context keeps it.
//
// A context that is never cancelled leaks nothing: the context of a server is never
// cancelled either, and so keeps no list of its children.
func Connection(ctx context.Context, _ net.Conn) context.Context {
	if ctx.Value(connectionKey{}) != nil {
		return ctx
	}
	ctx, cancel := context.WithCancel(ctx)
	return context.WithValue(ctx, connectionKey{}, cancel)
}

// cancelConnection cancels the context of the connection that a request's context was
// derived from, if there is one.
func cancelConnection(request context.Context) {
	if request == nil {
		return
	}
	if cancel, ok := request.Value(connectionKey{}).(context.CancelFunc); ok {
		cancel()
	}
}
