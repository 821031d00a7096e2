// Package redisstore is the store that many gates share, kept in Redis 6.2 or
// newer: one server, a Sentinel set or a Cluster, over TCP, TLS or a unix
// socket. It is the only package that knows Redis.
//
// # Keys
//
// All keys of a namespace have one hash tag, so that a script may use all of them on a
// Cluster too:
//
//	{session_gate:<namespace>}:head            hash: the state of the log and of the list of gates
//	{session_gate:<namespace>}:log             stream: id <seq>-0, field r with a record
//	{session_gate:<namespace>}:gates           sorted set: the 16 hex of each gate on the list by what it has applied
//	{session_gate:<namespace>}:beats           sorted set: the same by the count of its last heartbeat
//	{session_gate:<namespace>}:session:<hex>   hash: issuer, id, subject, first, last, expires, owner
//	{session_gate:<namespace>}:subject:<hex>   sorted set: the hex of its sessions by last seen
//	{session_gate:<namespace>}:sessions        sorted set: the hex of each session and of its subject by last seen
//	{session_gate:<namespace>}:grant:<hex>     hash: access, families, subject, issuer, issued, expires
//	{session_gate:<namespace>}:family:<hex>    sorted set: the hex of its access tokens by expiry
//
// Head, log and list have no expiry: only Trim removes an entry from the log, and only
// from its beginning. Sequence numbers have no gaps. The head counts them, never Redis.
//
// The fields of the head:
//
//	version             3
//	store               run_id and master_replid of the process that wrote it
//	generation          16 hex digits, random
//	state               repair, open or settled
//	seq, tag            the number of the last entry, and its tag in 16 hex digits: zeros until
//	                    the generation has an entry
//	trimmed             up to this number, entries were trimmed
//	born                up to this number, entries are left of older generations
//	entries             how many the log has
//	large               after this number, no entry has more than a KiB
//	count               the number of all heartbeats, and of the steps of merges
//	lease, retention    of the fleet, in microseconds
//	longest, leeway     the longest lease that may not have expired, and the largest leeway, likewise
//	swept, forgotten, floor, lowered, hold
//	                    Unix seconds: see store.Bounds
//	format, understood  the newest format of entries that every gate understands, and the count of
//	                    the last heartbeat that said no more
//	begun               the Unix second at which the generation was begun
//	anew, due           1 if the head was lost, and if the floor is to be raised, until the log is open
//	expected, merged, lacks
//	                    how many gates knew an earlier generation, which of them have merged, and 1
//	                    if one of them held what the log lacks, likewise
//	turn                which gate merges: its id or zeros, 1 for a witness, the count of the last step
//	gates               how many are on the list
//	paused              1 if nothing new is accepted, because the namespace was copied
//	unlisted            the count of the last heartbeat of a gate that is not to be on the list, or 0
//
// A record is one binary value:
//
//	1 byte   version, 3
//	8 bytes  generation, big endian
//	8 bytes  the tag of the entry before, big endian, zero for the first of a generation
//	8 bytes  tag, big endian, random
//	4 bytes  expiry in Unix seconds, big endian
//	rest     the revocations, as store.MarshalRevocations writes them
//
// Version 2 kept the gates in the head, and its records lack the tag of the entry
// before. This version reads such records, and treats such a head as lost. A head or a
// record of another version is store.ErrUnreadable.
//
// # Reading
//
// An entry has up to 150 KiB, and a command limits only the number of entries. So the
// script that reads takes 16 entries at a time, and ends its page at a MiB, or after
// one longer entry. A gate that waits asks for 16 by XREAD. If the head says that no
// entry has more than a KiB, a gate that is behind reads by XRANGE, which costs Redis a
// tenth of the script.
//
// # The list of gates
//
// Every script compares the number of members in the two sorted sets with the count in
// the head. So a list that was deleted, evicted or cut never counts as a list of fewer
// gates. No script returns more than store.MaxGates of the list. A long list slows a
// script only by the logarithm of its length.
//
// # Sessions
//
// The script that records sessions deletes those seen longest ago beyond
// Options.Sessions: the records, and their names in the two sorted sets. So the
// memory that sessions take is bounded. With ids of 36 bytes Redis 7 takes 0.8 KB
// for a session, 0.8 GB for store.MaxSessions of them; with ids of 1 KiB, 3.7 KB.
// The owner in a record is the hex of its subject. All keys of sessions expire a
// minute after the last session in them.
//
// A call takes one script for a hundred sessions. In it a session that is seen again
// takes 6 commands and a new one 8, and 4 to 6 more if another is deleted for it,
// however many there are.
//
// A record of an earlier version has no owner and is not in the sorted set of all
// sessions. It does not count until it is seen again, and expires by itself. A gate of
// an earlier version that runs beside deletes no records: the bounds hold once all
// gates are updated.
//
// # What counts as a loss
//
// Every script that uses the log first compares the head with the running process and
// with the keys. It begins a new generation, in repair, over the entries that are left,
// if
//
//   - another process serves the keys, or one with another history of writes:
//     after a restart, a failover, or a move to another node of a Cluster. A
//     primary also gets another history when its first replica attaches, and an
//     hour after its last one left;
//   - the head is missing, or lacks a field;
//   - the log has more or fewer entries than the head counts, or a number beyond the
//     head's, or lacks one in between;
//   - the list has more or fewer gates than the head counts;
//   - a gate has applied more than the head counts, or its last entry there has another
//     tag, or its last heartbeat a greater count than the head's: the log has gone back
//     within one process. The record of the next entry tells the tag, and for the last
//     one the head;
//   - its clock has gone back below the second by which it trimmed.
//
// # What Redis must allow
//
// Eviction must be off (maxmemory-policy noeviction), or Redis may silently forget a
// revocation. The store asks on every new connection, and with every heartbeat. It
// refuses another policy, and on a new connection one that it cannot read, unless
// Options.AllowEviction is set.
//
// A primary must stop taking writes when a replica was promoted in its place. Otherwise
// a gate that has not heard of the promotion goes on with the old one. Redis does so
// with min-replicas-to-write and a min-replicas-max-lag below the lease. With replicas,
// Sentinel or a Cluster, the store refuses anything else, unless
// Options.AllowSplitBrain is set. It asks on every new connection, and with a heartbeat
// once a minute. If a server had no replica when the store first reached it and gets
// one, the store only warns. A primary may go on for its max-lag and two seconds,
// because Redis counts in whole seconds and once a second: store.Head.Lag.
//
// The store asks all sentinels for the primary twice a second, and at once after a call
// that failed. The configuration with the highest epoch counts. Connections to another
// server are closed.
//
// A Redis whose memory is full refuses to add revocations. It still takes heartbeats,
// reads and trims. Nothing new can be revoked, so a gate that has read everything may
// go on admitting. A Redis that refuses every write takes no heartbeat either: it is a
// replica, has too few replicas (min-replicas-to-write) or cannot save. Then every gate
// fences itself when its lease expires.
//
// docs/redis.md has the commands that give a user of the gates, and one of the
// sentinels, their rights. The tests of this package run as these users.
//
// # Passwords
//
// Each new connection gets the password that Options.RenewPassword returns then, so that
// it may be replaced while the store is open. An empty password is never sent.
//
// # Time
//
// A revocation is trimmed only if it has expired by Redis' clock and by the clock of
// the gate that asks. If Redis' clock goes back below the second by which it trimmed, a
// new generation begins: the clock had been ahead, and trimmed entries had not expired.
// Apart from that, Redis' clock dates a loss, and measures how long a key of a session
// may stay. Leases do not depend on it.
package redisstore
