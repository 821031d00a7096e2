// Package replica holds the whole set of revocations of a fleet in memory and
// decides from it alone whether a token is revoked.
//
// A Replica follows the log of a store. Check is what every request pays: it
// takes no lock, asks nobody and allocates nothing. Revoke puts a revocation on
// the log, and returns when every gate of the fleet holds it or is provably
// fenced.
//
// The set is exact. It is never cleared: when the log has to be read anew, what
// is held stays held, because a union with what is read can only revoke more.
//
// # Sharing a store
//
// A replica of a shared store admits only while it can prove that its set is
// fresh: for the length of a lease after it asked the store, if the answer named
// a head of the log that it has applied since. It asks by heartbeats, which also
// tell the other gates what it has applied.
//
// A store that may have lost entries comes back under a new generation of the
// log, in repair. Nobody's lease is extended then, until a gate that can vouch
// for all that was ever acknowledged has put what it holds on the log again, or
// until two leases are over. Every gate that comes later reads the whole log
// and offers what it holds beyond that.
//
// The rules R1 to R15 and the invariants 1 to 12 are those of docs/protocol.md; each is
// named where it is enforced. The package knows the contract of a store, no database
// and no Caddy.
package replica
