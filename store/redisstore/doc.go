// Package redisstore is the store that many gates share, kept in Redis 6.2 or
// newer: one server, a Sentinel set or a Cluster, over TCP, TLS or a unix
// socket. It is the only package that knows Redis.
//
// # Keys
//
// Everything of a namespace lies under one hash tag, so that a script may touch
// it all on a Cluster too:
//
//	{session_gate:<namespace>}:head            hash: version, generation, seq, trimmed, born
//	{session_gate:<namespace>}:log             stream: id <seq>-0; g generation, t tag, e expiry, p payload
//	{session_gate:<namespace>}:session:<hex>   hash: issuer, id, subject, first, last, expires
//	{session_gate:<namespace>}:subject:<hex>   sorted set: the hex of its sessions by last seen
//
// Head and log carry no expiry: nothing but Trim ever takes an entry off the
// log, and only from its beginning. Sequence numbers are contiguous and counted
// by the head, never by Redis, so a lost entry shows as a hole. The head's
// generation is random; a head that is missing is made anew under another, so
// that an emptied Redis is never mistaken for a log without revocations. The
// field born is the sequence number at which a generation began: entries up to
// it may carry an older one.
//
// # What Redis must allow
//
// Eviction must be off (maxmemory-policy noeviction), or Redis may silently
// forget a revocation. Every new connection is asked, and refused if the policy
// is another or cannot be read, unless Options.AllowEviction.
//
// An ACL user needs no more than this:
//
//	user gate on >password resetchannels
//	  ~{session_gate:<namespace>}:*
//	  +hello +auth +select +client|setname +info
//	  +eval +evalsha +exists +expire +ttl
//	  +hmget +hset +hdel +xadd +xrange +xread +xtrim +xinfo|stream
//	  +zadd +zrevrange +zremrangebyrank
//
// and on a Cluster also
//
//	+cluster|slots +command +asking
//
// # Time
//
// Redis' clock decides nothing: expiries are compared with the times that the
// caller gives, and Redis only measures how long a key may stay.
package redisstore
