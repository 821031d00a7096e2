// Package streams ends the running requests of a revoked session. A running request was
// admitted, and its response is not complete yet: a download, an upload, server-sent
// events, a long poll, a call of gRPC or a WebSocket.
//
// A request takes a place in a Table before it is checked, and leaves it when its
// handler returns. Both cost less than a microsecond. They allocate nothing once there
// are places for the largest number of requests so far. When revocations were added,
// and once a second, the Table looks through the places, and cuts requests.
//
// A cut sets the deadlines of the connection, or of its stream, into the past
// (http.ResponseController). That ends running reads and writes, and the server ends the
// request to the upstream. Some cases also need a context: an HTTP/1 connection
// (Connection) without a running read or write, a connection that continued in another
// protocol, and HTTP/3.
package streams
