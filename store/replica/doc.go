// Package replica holds the whole set of revocations of a fleet in memory and
// decides from it alone whether a token is revoked.
//
// A Replica follows the log of a store. Check is what every request pays: it
// takes no lock, asks nobody and allocates nothing. Revoke appends to the log
// and applies what it appended before it returns.
//
// The set is exact. It is never cleared: when the log has to be read anew, what
// is held stays held, because a union with what is read can only revoke more.
//
// A replica of a shared store admits only while it can prove that its set is
// fresh: for the length of a lease after it last asked the store and was told
// everything up to the head of the log. The package knows the store's contract,
// no database and no Caddy.
package replica
