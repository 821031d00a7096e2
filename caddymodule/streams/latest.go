package streams

import (
	"encoding/binary"
	"sync"

	"github.com/sessiongate/sessiongate/store"
)

// maxLatest bounds the sessions of one shard with a known latest token: 2^18 in all,
// about 16 MiB. If there are more, a request of an unknown session ends with its own
// token.
const maxLatest = 1 << 18 / shards

// latest holds when the newest tokens of sessions expire.
type latest struct {
	mu      sync.Mutex
	expires map[store.Key]int64 // Unix seconds
}

// Prolong notes that a token was verified: requests of its session also continue until this
// token expires. Call it for new tokens only, because it takes a lock.
func (t *Table) Prolong(keys *store.Keys) {
	session := keys.First()
	if session.IsZero() {
		return
	}
	l := t.latestAt(session)
	l.mu.Lock()
	defer l.mu.Unlock()
	known, held := l.expires[session]
	if held && known >= keys.Expires {
		return
	}
	if !held && len(l.expires) >= maxLatest && !l.forget(t.options.Clock().Unix()) {
		return
	}
	if l.expires == nil {
		l.expires = make(map[store.Key]int64)
	}
	l.expires[session] = keys.Expires
}

// forget makes room, and reports whether there is some. The caller holds mu.
func (l *latest) forget(now int64) bool {
	for session, expires := range l.expires {
		if expires <= now {
			delete(l.expires, session)
		}
	}
	return len(l.expires) < maxLatest
}

// latestOf returns when the newest token of a token's session expires, in Unix seconds, or
// 0 if that is unknown.
func (t *Table) latestOf(keys *store.Keys) int64 {
	session := keys.First()
	if session.IsZero() {
		return 0
	}
	l := t.latestAt(session)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.expires[session]
}

func (t *Table) latestAt(session store.Key) *latest {
	return &t.latest[binary.BigEndian.Uint32(session[:])%shards]
}
