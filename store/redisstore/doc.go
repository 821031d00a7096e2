// Package redisstore is the store that many gates share, kept in Redis 6.2 or
// newer: one server, a Sentinel set or a Cluster, over TCP, TLS or a unix
// socket. It is the only package that knows Redis.
//
// # Keys
//
// Everything of a namespace lies under one hash tag, so that a script may touch
// it all on a Cluster too:
//
//	{session_gate:<namespace>}:head            hash: what is known of the log and of the list of gates
//	{session_gate:<namespace>}:log             stream: id <seq>-0, field r with a record
//	{session_gate:<namespace>}:gates           sorted set: the 16 hex of each gate on the list by what it has applied
//	{session_gate:<namespace>}:beats           sorted set: the same by the count of its last heartbeat
//	{session_gate:<namespace>}:session:<hex>   hash: issuer, id, subject, first, last, expires, owner
//	{session_gate:<namespace>}:subject:<hex>   sorted set: the hex of its sessions by last seen
//	{session_gate:<namespace>}:sessions        sorted set: the hex of each session and of its subject by last seen
//	{session_gate:<namespace>}:grant:<hex>     hash: access, families, subject, issuer, issued, expires
//	{session_gate:<namespace>}:family:<hex>    sorted set: the hex of its access tokens by expiry
//
// Head, log and list carry no expiry: nothing but Trim ever takes an entry off the
// log, and only from its beginning. Sequence numbers are contiguous and counted
// by the head, never by Redis.
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
//	count               of all heartbeats, and of the steps of merges
//	lease, retention    of the fleet, in microseconds
//	longest, leeway     the longest lease that may still be good, and the largest leeway, likewise
//	swept, forgotten, floor, lowered, hold
//	                    Unix seconds: see store.Bounds
//	format, understood  the newest format of entries that every gate understands, and the count of
//	                    the last heartbeat that said no more
//	begun               the Unix second at which the generation was begun
//	anew, due           1 if the head was lost, and if the floor is to be raised, until the log is open
//	expected, merged, lacks
//	                    how many gates knew an earlier generation, which of them have merged, and 1
//	                    if one of them held what the log lacks, likewise
//	turn                who merges: its gate or zeros, 1 for a witness, the count of the last step
//	gates               how many are on the list
//	paused              1 if nothing new is taken, because the namespace was copied
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
// before. They are read, and its head is taken for a lost one. A head or a record of
// another version is store.ErrUnreadable.
//
// # Reading
//
// An entry has up to 150 KiB, and a command is told a number of entries. So the script
// that reads takes 16 entries at a time, and ends its page at a MiB, or after one entry
// that is longer. A gate that waits asks for 16 by XREAD. Where the head says that no
// entry has more than a KiB, a gate that is behind reads by XRANGE, which costs Redis a
// tenth of the script.
//
// # The list of gates
//
// Every script compares how many members the two sorted sets have with what the head
// counts. So a list that was deleted, evicted or cut never passes for a list of fewer
// gates. No script returns more than store.MaxGates of the list, and none takes longer
// because the list is long, but for the logarithm of its length.
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
// A call takes one script for a hundred sessions. A session that is seen again takes
// 6 commands in it, a new one 8, and 4 to 6 more if another is deleted for it, however
// many there are.
//
// A record that an earlier version wrote has no owner and is not in the sorted set
// of all sessions. It does not count until it is seen again, and expires by itself.
// A gate of an earlier version that runs beside deletes no records: the bounds hold
// once all gates are updated.
//
// # What counts as a loss
//
// Every script that touches the log first compares the head with what runs and
// with what lies there. It begins a new generation, in repair, over the entries
// that are left, if
//
//   - another process serves the keys, or one with another history of writes:
//     after a restart, a failover, or a move to another node of a Cluster. A
//     primary also gets another history when its first replica attaches, and an
//     hour after its last one left;
//   - the head is missing, or lacks a field;
//   - the log has more or fewer entries than the head counts, or has passed the
//     head's number, or lacks one in between;
//   - the list has more or fewer gates than the head counts;
//   - a gate has applied more than the head counts, or its last entry there has another
//     tag, or its last heartbeat a greater count than the head's: the log has gone back
//     within one process. The record of the next entry tells the tag, and for the last
//     one the head;
//   - its clock has gone back below the second by which it trimmed.
//
// # What Redis must allow
//
// Eviction must be off (maxmemory-policy noeviction), or Redis may silently
// forget a revocation. Every new connection is asked, and every heartbeat asks
// again; another policy is refused, and at a new connection one that cannot be
// read, unless Options.AllowEviction.
//
// A primary must stop taking writes when a replica was promoted in its place, or a
// gate that has not heard of it goes on by the old one. Redis does so with
// min-replicas-to-write and a min-replicas-max-lag below the lease. With replicas,
// Sentinel or a Cluster, anything else is refused, unless Options.AllowSplitBrain.
// Every new connection is asked, and a heartbeat once a minute. A server that had no
// replica when the store first reached it may get one; that is only warned of. For
// its max-lag and two seconds a primary may go on, because Redis counts in whole
// seconds and once a second: store.Head.Lag.
//
// All sentinels are asked for the primary twice a second, and at once after a call
// that failed. The configuration with the highest epoch counts, and connections to
// another server are closed.
//
// A Redis whose memory is full refuses to add revocations. It still takes
// heartbeats, reads and trims: nothing new can be revoked, so whoever has read
// all that was may go on admitting. A Redis that refuses every write, because it
// is a replica, has too few replicas (min-replicas-to-write) or cannot save,
// takes no heartbeat either, and every gate fences itself when its lease ends.
//
// An ACL user needs no more than this:
//
//	user gate on >password resetchannels
//	  ~{session_gate:<namespace>}:*
//	  +hello +auth +select +client|setname +info +time +config|get
//	  +eval +evalsha +exists +expire +ttl
//	  +hmget +hset +hdel
//	  +xadd +xlen +xrange +xread +xtrim +xinfo|stream
//	  +zadd +zrevrange +zremrangebyrank
//
// and on a Cluster also
//
//	+cluster|slots +command +asking
//
// To copy a namespace elsewhere, the user also needs +scan.
//
// A user of the sentinels needs
//
//	+hello +auth +client|setname
//	+sentinel|master +sentinel|get-master-addr-by-name +sentinel|sentinels
//
// # Time
//
// Redis' clock and that of the gate that asks must both say that a revocation has
// expired, before it is trimmed. Where Redis' clock goes back below the second by
// which it trimmed, a new generation is begun: it had been ahead, and what was
// trimmed had not expired. Apart from that it tells of a loss when it was, and
// measures how long a key of a session may stay. Leases are no matter of it.
package redisstore
