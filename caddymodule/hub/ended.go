package hub

import (
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

const (
	// maxEnded is how many sessions half of ended holds.
	maxEnded = 1 << 14
	// endedFor is how old a revocation may be when it is read, so that a gate that starts on a
	// long log does not look at all of it.
	endedFor = 24 * time.Hour
)

// ended remembers when sessions were revoked for good, by users and issuers, as this gate or
// the revocation log says. It is for log lines, and decides nothing. The set does not keep these times, so
// ended keeps the latest of them. It may be used concurrently.
//
// Attack: end sessions without end, to fill the memory. If one half is full, ended forgets the
// other (invariant 12).
type ended struct {
	mu            sync.RWMutex
	recent, older map[store.Key]int64 // Unix seconds
}

// Applied implements replica.Follower.
func (e *ended) Applied(revocations []store.Revocation) {
	oldest := time.Now().Add(-endedFor).Unix()
	for _, r := range revocations {
		if r.Kind == store.KindSession && r.NotBefore == 0 && r.Made >= oldest && r.Source != store.SourceAdmin {
			e.add(r.Key, r.Made)
		}
	}
}

// add remembers the first time that a session was revoked.
func (e *ended) add(session store.Key, second int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if before, known := e.find(session); known && before <= second {
		return
	}
	if e.recent == nil || len(e.recent) >= maxEnded {
		e.recent, e.older = make(map[store.Key]int64), e.recent
	}
	e.recent[session] = second
}

// at returns when a session was revoked for good, or 0 if that is not known.
func (e *ended) at(session store.Key) int64 {
	e.mu.RLock()
	defer e.mu.RUnlock()
	second, _ := e.find(session)
	return second
}

// find is at. The caller holds mu.
func (e *ended) find(session store.Key) (second int64, known bool) {
	if second, known = e.recent[session]; !known {
		second, known = e.older[session]
	}
	return second, known
}

// EndedBefore returns a revoked session of a token, if the token was issued after the session
// was revoked: the issuer still uses the session. lead is by how many seconds the issuer's
// clock is ahead (token.Verified.Lead). An operator's revocation does not count, nor one that
// this gate has not read for long. EndedBefore is for log lines. It asks no store and does not
// allocate.
func (h *Hub) EndedBefore(k *store.Keys, lead int64) (session store.Key, ended bool) {
	for _, session := range [...]store.Key{k.Session, k.Login} {
		if session.IsZero() {
			continue
		}
		instant, held := h.Instant(session)
		switch {
		case !held || instant != 0 && k.AuthTime > instant: // it does not revoke the token
		case instant != 0 && k.IssuedAt > instant: // the lead is part of the instant
			return session, true
		case instant == 0:
			if second := h.ended.at(session); second != 0 && k.IssuedAt > second+lead {
				return session, true
			}
		}
	}
	return store.Key{}, false
}
