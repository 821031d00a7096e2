// Package replica holds the whole set of revocations of a fleet in memory and
// decides from it alone whether a token is revoked.
//
// A Replica follows the revocation log of a store; here it is called the log. Every
// request calls Check, which takes no lock, calls no store and allocates nothing. Revoke
// puts a revocation on the log. It returns when every gate of the fleet holds the
// revocation or is provably fenced.
//
// A session is revoked for good, or up to an instant: then only tokens are revoked whose
// subject authenticated up to it. The set holds the later instant and the later expiry of all
// revocations of a session, and no origins: see store.History. A replica keeps the origins of
// its own revocations until they are on the log.
//
// The set is exact, and is never cleared. When the replica has to read the log again, it
// keeps the revocations that it holds: a union with the log can only revoke more.
//
// # Sharing a store
//
// A replica of a shared store admits only while it can prove that its set is fresh. The
// proof is a heartbeat: the store answers with the head of the log, and the replica applies
// the log up to that head. The set is then fresh for a lease, counted from the moment
// before the heartbeat was sent. Heartbeats also tell the other gates which entries the
// replica has applied.
//
// A store that may have lost entries comes back with a new generation of the log, in
// repair. In repair no lease is extended. Either of two events ends it:
//
//   - A witness has put the revocations that it holds on the log. A witness is a gate that
//     holds every revocation that was ever acknowledged.
//   - Two leases have passed, in which the other gates did so.
//
// A gate that comes later reads the whole log, and publishes what it holds beyond that.
//
// The rules R1 to R16 and the invariants 1 to 12 are those of docs/protocol.md. Each is
// named where it is enforced. The package knows the contract of a store, no database
// and no Caddy.
package replica
