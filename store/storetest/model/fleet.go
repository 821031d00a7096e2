package model

import (
	"cmp"
	"slices"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// heartbeat records a gate, and answers with the head.
func (s *Server) heartbeat(beat store.Heartbeat) store.Head {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, now := s.checked(), s.now().Unix()
	if at := beat.Applied; at.Generation == h.generation && (s.diverged(h, at) || beat.Count > h.count) {
		s.begin(h)
	}
	if now < h.bounds.Swept-int64(beat.Skew.Seconds()) {
		// The clock was ahead, so unexpired entries were forgotten.
		s.begin(h)
		h.bounds.Swept, h.due = now, true
	}
	h.adoptSettings(beat, now)
	// Rule R3: entries applied in another generation say nothing about this one.
	if beat.Applied.Generation != h.generation {
		return h.heartbeatAnswer(now)
	}
	if h.state == store.StateRepair {
		h.merges(beat.Gate, beat.Merged)
	}
	count := h.next()
	if beat.Unlisted {
		h.unlisted = count
		s.unlist(h, beat.Gate)
	} else {
		s.held.gates[beat.Gate] = listed{beat.Applied.Seq, count}
		h.live = len(s.held.gates)
	}
	h.observeFormat(max(beat.Format, 1), beat.Silent)
	gone := s.removeSilent(h, beat.Silent)
	// Rule R5: only a gate of this generation can report that the leases of the previous
	// one have expired, and only once the log is open.
	if beat.Settled && h.state == store.StateOpen && max(beat.Lease, beat.Waited) >= h.longest {
		h.state = store.StateSettled
	}
	answer := h.heartbeatAnswer(now)
	answer.Count, answer.Gone = count, gone
	return answer
}

// observeFormat handles the newest format that a gate understands, after its heartbeat.
// The common format rises by one when no gate with only the old format has sent a
// heartbeat for longer than any lease.
func (h *head) observeFormat(format, silent uint64) {
	known := max(h.format, 1)
	if format <= known || silent > 0 && h.understood <= silent {
		h.format, h.understood = min(format, known+1), h.count
	}
}

// heartbeatAnswer returns the answer to a heartbeat.
func (h *head) heartbeatAnswer(now int64) store.Head {
	answer := h.answer()
	answer.Now = now
	return answer
}

// removeSilent takes gates off the list that have sent no heartbeat since the one with
// this count. That heartbeat was answered longer ago than any lease lasts.
//
// Rule R2: a gate that came back meanwhile has a greater count, and stays.
func (s *Server) removeSilent(h *head, silent uint64) (gone []store.GateID) {
	for id, gate := range s.held.gates {
		if gate.count <= silent {
			gone = append(gone, id)
		}
	}
	slices.SortFunc(gone, func(a, b store.GateID) int { return cmp.Compare(s.held.gates[a].count, s.held.gates[b].count) })
	gone = gone[:min(len(gone), store.MaxGates)]
	for _, id := range gone {
		s.unlist(h, id)
	}
	if h.unlisted <= silent {
		h.unlisted = 0
	}
	return gone
}

func (s *Server) unlist(h *head, id store.GateID) {
	delete(s.held.gates, id)
	h.live = len(s.held.gates)
}

// adoptSettings adopts the settings that the whole fleet shares.
func (h *head) adoptSettings(beat store.Heartbeat, now int64) {
	// Rule R12: the lease is that of the head, whatever gate asks next. After a loss, a
	// new head takes the longest lease that a gate knows.
	if h.lease == 0 || h.state == store.StateRepair && beat.Longest > 0 && beat.Lease > h.lease {
		h.lease = beat.Lease
	}
	switch longest := max(h.longest, h.lease, beat.Longest); {
	case longest > h.longest:
		h.longest = longest
	case beat.Shortened && beat.Applied.Generation == h.generation && beat.Lease == h.lease:
		h.longest = h.lease
	}
	h.leeway = max(h.leeway, beat.Leeway)
	if beat.Retention > h.retention {
		gate := cmp.Or(beat.Now, now)
		if h.retention > 0 && !h.headLost {
			trimmed := max(min(now, gate), h.bounds.Swept)
			h.bounds.Forgotten = max(h.bounds.Forgotten, trimmed-int64(h.retention.Seconds()))
		}
		h.retention = beat.Retention
		h.bounds.Hold = max(h.bounds.Hold, max(now, gate)+int64((beat.Retention+beat.Margin).Seconds()))
	}
	known := beat.Bounds
	if known.Swept = min(known.Swept, now); h.state != store.StateRepair {
		known.Swept = 0
	}
	h.bounds = h.bounds.Join(known)
}

// setLease changes the lease. If it is longer than before, waits become as long.
func (s *Server) setLease(lease time.Duration) store.Head {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.checked()
	h.longest = max(h.longest, h.lease, lease)
	h.lease = lease
	return h.answer()
}

// look returns the head.
func (s *Server) look() store.Head {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.least(s.checked())
}

// leave takes a gate off the list. That gate never admits again.
func (s *Server) leave(gate store.GateID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unlist(s.checked(), gate)
}

// merge takes or keeps the turn, and appends what the gate held.
func (s *Server) merge(m store.Merge) (store.Head, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.checked()
	if m.Generation != h.generation || h.state != store.StateRepair || !h.mayMerge(m) {
		return h.answer(), false
	}
	if len(m.Revocations) > 0 {
		s.add(h, m.Revocations)
	}
	h.turn = store.Turn{Count: h.next()}
	if m.Then == store.Keep {
		h.turn.Gate, h.turn.Witness = m.Gate, m.Witness
		return h.answer(), true
	}
	h.merges(m.Gate, m.Before)
	h.lacks = h.lacks || m.Lacks
	done := m.Then != store.Open || h.open(m)
	return h.answer(), done
}

// merges records that a gate has merged everything it holds. before is the number of other
// gates that it knew in an earlier generation.
func (h *head) merges(gate store.GateID, before int) {
	if before > 0 {
		h.merged[gate], h.expected = true, max(h.expected, before)
	}
}

// open opens the log, and raises the floor if revocations may be lost. It reports whether
// the clocks permitted that.
func (h *head) open(m store.Merge) bool {
	if lost := m.Relogin || h.due || h.lacks && len(h.merged) < h.expected; lost && !m.Witness {
		if m.Skewed {
			return false
		}
		h.bounds.Floor = max(h.bounds.Floor, h.begun+int64(h.leeway.Seconds()))
	}
	h.state = store.StateOpen
	h.headLost, h.due, h.lacks, h.expected = false, false, false, 0
	return true
}

// mayMerge reports whether a gate may take the turn. Rule R7: witnesses go first, and a
// turn without progress is lost.
func (h *head) mayMerge(m store.Merge) bool {
	switch {
	case h.turn.Gate == 0, h.turn.Gate == m.Gate:
		return true
	case m.Witness && !h.turn.Witness:
		return true
	default:
		return m.Stale == h.turn.Count // never zero, because it was counted
	}
}
