// Package hub revokes, and knows what is revoked. Nothing else of the gate does either.
//
// A Hub is an open store with everything that a gate needs for it: the replica that
// decides, the registry of sessions, the table of running requests, and the queue of
// retries. It also remembers when sessions ended, for log lines. All configurations that use
// a store share its hub, also across a reload.
//
// A Hub reads no request and writes no answer, but it cuts running requests. It verifies no
// token: callers pass the keys of verified claims. It emits no event itself, but calls an
// Events.
package hub
