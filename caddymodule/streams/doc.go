// Package streams ends what is still running of a session that was revoked: every
// request that was admitted and not yet answered to its end, however long that
// takes, be it a download, an upload, server-sent events, a long poll, a call of
// gRPC or a WebSocket.
//
// A request takes a place in a Table before it is checked, and leaves it when its
// handler returns. Both cost less than a microsecond, and allocate nothing once
// there are places for as many requests as ever ran at one time. Whenever
// revocations were added, and once a second, the Table looks through the places,
// and cuts.
//
// To cut is to set the deadlines of the connection, or of its stream, into the
// past (http.ResponseController): that ends reads and writes which are under way,
// and the server tells the upstream. What that does not reach also has a context:
// a connection of HTTP/1 (Connection), of which nothing may be under way, one that
// went on in another protocol, and HTTP/3.
package streams
