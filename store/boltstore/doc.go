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
// store was created once, and under which generation. A database that is gone
// while its marker is there was deleted, and is never begun anew in silence.
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
// with numbers in big-endian order. A file from before tokens were learned gets the
// last three when it is opened. A session that an earlier version wrote has no key
// under zero until it is seen again: it does not count among all sessions, and goes
// when it expires. An entry is its CRC-32C (over generation,
// sequence number, tag and payload), its tag, and the payload that
// store.MarshalRevocations makes.
//
// # Damage
//
// Open reads every page that is in use, without mapping the file, and checks
// both meta pages, the free list, the trees, and that the log holds each entry
// from the oldest to the head with its checksum. Whatever is not as it was
// written is store.ErrDamaged; it is never taken for a smaller log.
//
// Salvage finds what is sound in a damaged file, wherever in it that is, and Replace
// makes a sound store of it. What is missing is counted; an operator decides whether
// that can be borne.
package boltstore
