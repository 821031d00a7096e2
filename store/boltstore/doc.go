// Package boltstore keeps the revocations of one machine in a bbolt file. One process
// holds the file at a time; a second one gets an error.
//
// Append returns when the entry is on disk. Appends that arrive during a commit share
// the next one. So a burst costs a few syncs, and a single append never waits for
// others.
//
// # The file
//
// Beside the database at path is path + ".init", the marker. It says that the store was
// created once, under which generation, how far its log went, and the bounds. If the
// marker is there and the database is not, the database was deleted, and Open never
// replaces it without an error. The marker is written after each commit and before the
// commit is confirmed. So a database that is older than its marker has lost
// revocations. It then opens with a floor: all tokens issued until then are refused.
//
// If a database and a marker were put back together, the store cannot know. The
// operator says so with Restored.
//
// The buckets of the database are
//
//	head      "log"                        → the head of the log
//	log       sequence number              → entry
//	          0xffffffffffffffff           → the head again, on the newest page
//	sessions  session                      → record
//	subjects  subject, last seen, session  → nothing; the latest come first
//	          zero, last seen, session     → nothing; all sessions, the earliest come first
//	expiries  expiry, session              → nothing
//	grants    token                        → record
//	families  session, expiry, token       → nothing; access tokens only
//	grantends expiry, token                → nothing
//
// with numbers in big-endian order. An entry is its CRC-32C (over generation,
// sequence number, tag and payload), its tag, and the payload that
// store.MarshalRevocations makes.
//
// # The clock
//
// An entry is forgotten when it has expired by the wall clock and by the store's own
// clock, which is kept in the head. The store's clock runs only while a process has the
// store open, and catches up with the wall clock by six hours a day. It may lag behind,
// and then entries are kept for longer.
//
// # Damage
//
// Open reads every page that is in use, without mapping the file. It checks both meta
// pages, the free list, the trees, and that the log holds each entry from the oldest to
// the head with its checksum. Any difference from what was written is store.ErrDamaged;
// it is never taken for a smaller log.
//
// Salvage keeps the sound part of a damaged file that it can reach, and Replace makes a
// sound store of it. If revocations may be lost, the new store has a floor.
package boltstore
