// Package hub is the one way to revoke, and the one place that knows what is revoked.
//
// A Hub is an open store with all that a gate needs on it: the replica that decides,
// the registry of sessions, the table of running requests, and the queue of retries.
// All configurations that use a store share its hub, also across a reload.
//
// A Hub reads no request and writes no answer, but it cuts running requests. It
// verifies no token: callers pass the keys of verified claims. It emits no event
// itself, but calls an Events.
package hub
