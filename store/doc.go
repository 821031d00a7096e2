// Package store defines what a revocation is, and what a store of revocations promises.
// It knows no database, no HTTP and no Caddy, and imports only the standard library.
//
// A store keeps an append-only log. A revocation is never changed and never withdrawn;
// it is forgotten at its own expiry. The revoked set is the union of all entries on the
// log. So applying an entry twice, or entries in another order, changes nothing. That
// makes every retry and every repair safe.
//
// Nothing in this package answers "is this token revoked?": the gate never asks a store
// that during a request. The replica package holds the whole set in memory, follows the
// log and decides.
package store
