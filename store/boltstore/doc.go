// Package boltstore keeps the revocations of one machine in a bbolt file. One
// process holds the file at a time; a second one is told so.
//
// Append returns when the disk has the entry. Appends that come while a commit
// is under way share the next one, so a burst costs a few syncs and a single
// append never waits for company.
//
// # The file
//
// Beside the database at path lies path + ".init", the marker: it says that the
// store was created once, under which generation, how far its log went, and the
// bounds. A database that is gone while its marker is there was deleted, and is never
// begun anew in silence. The marker is written after each commit and before anybody
// hears of it, so a database that is older than its marker has lost revocations. It
// then opens with a floor: all tokens issued until then are refused.
//
// A database and a marker that were put back together look like the truth. Whoever
// does that says so with Restored.
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
// clock, which is kept in the head. That one goes on only while a process has the
// store open, and catches up with the wall clock by six hours a day. It may so lag
// behind, and entries are then kept for longer.
//
// # Damage
//
// Open reads every page that is in use, without mapping the file, and checks
// both meta pages, the free list, the trees, and that the log holds each entry
// from the oldest to the head with its checksum. Whatever is not as it was
// written is store.ErrDamaged; it is never taken for a smaller log.
//
// Salvage keeps what can be reached in a damaged file and is sound, and Replace makes
// a sound store of it. If revocations may be lost, that one has a floor.
package boltstore
