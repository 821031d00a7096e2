// Package store says what a revocation is, and what a store of revocations
// promises. It knows no database, no HTTP and no Caddy: the standard library
// is all it imports.
//
// A store keeps an append-only log. A revocation is never changed and never
// withdrawn; it ages out at its own expiry. The revoked set is the union of
// everything on the log, so applying an entry twice, or entries in another
// order, changes nothing, and that is what makes every retry and every repair
// safe.
//
// Nothing in this package answers "is this token revoked?": a store is never
// asked that on the path of a request. The replica package holds the whole
// set in memory, follows the log and decides.
package store
