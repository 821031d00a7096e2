// Package hub is the one way to revoke, and the one place that knows what is revoked.
//
// A Hub is an open store with what a gate needs on it: the replica that decides, the
// registry of sessions, the table of running requests, and the revocations that are
// retried. All configurations that use a store share its hub, also over a reload.
//
// A Hub reads no request and writes no answer but for the cut of a running one. It
// verifies no token: callers give it the keys of verified claims. It emits no event
// itself, but tells an Events of them.
package hub
