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
	if at := beat.Applied; at.Generation == h.generation && (s.strayed(h, at) || beat.Count > h.count) {
		s.begin(h)
	}
	if now < h.bounds.Swept-int64(beat.Skew.Seconds()) {
		// The clock was ahead, and entries were forgotten that had not expired.
		s.begin(h)
		h.bounds.Swept, h.due = now, true
	}
	h.agree(beat, now)
	// Rule R3: what a gate applied in another generation says nothing
	// about this one.
	if beat.Applied.Generation != h.generation {
		return h.told(now)
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
	h.understands(max(beat.Format, 1), beat.Silent)
	gone := s.dismiss(h, beat.Silent)
	// Rule R5: only a gate of this generation can say that the leases of
	// the one before are over, and only once the log is open.
	if beat.Settled && h.state == store.StateOpen && max(beat.Lease, beat.Waited) >= h.longest {
		h.state = store.StateSettled
	}
	answer := h.told(now)
	answer.Count, answer.Gone = count, gone
	return answer
}

// understands takes up the newest format that a gate understands, which has just sent a
// heartbeat. It rises by one when whoever understands no more has been silent for longer
// than any lease.
func (h *head) understands(format, silent uint64) {
	known := max(h.format, 1)
	if format <= known || silent > 0 && h.understood <= silent {
		h.format, h.understood = min(format, known+1), h.count
	}
}

// told is what a heartbeat is answered with.
func (h *head) told(now int64) store.Head {
	answer := h.answer()
	answer.Now = now
	return answer
}

// dismiss takes gates off the list that have sent no heartbeat since the one with
// this count, which was answered longer ago than any lease lasts.
//
// Rule R2: a gate that came back meanwhile has a greater count, and stays.
func (s *Server) dismiss(h *head, silent uint64) (gone []store.GateID) {
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

// agree takes up what the whole fleet goes by.
func (h *head) agree(beat store.Heartbeat, now int64) {
	// Rule R12: the lease is the head's, whoever asks next. A head that was lost
	// takes the longest that a gate knows of.
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
		if h.retention > 0 && !h.anew {
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

// setLease changes the lease, and what waits are as long as if that is longer.
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

// leave takes a gate off the list that will never admit again.
func (s *Server) leave(gate store.GateID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unlist(s.checked(), gate)
}

// merge takes or keeps the turn and puts on the log what the gate held.
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

// merges notes that a gate which knew so many others in an earlier generation has merged
// all that it holds.
func (h *head) merges(gate store.GateID, before int) {
	if before > 0 {
		h.merged[gate], h.expected = true, max(h.expected, before)
	}
}

// open opens the log, and raises the floor if revocations may be lost. It reports
// whether the clocks let it.
func (h *head) open(m store.Merge) bool {
	if lost := m.Relogin || h.due || h.lacks && len(h.merged) < h.expected; lost && !m.Witness {
		if m.Skewed {
			return false
		}
		h.bounds.Floor = max(h.bounds.Floor, h.begun+int64(h.leeway.Seconds()))
	}
	h.state = store.StateOpen
	h.anew, h.due, h.lacks, h.expected = false, false, false, 0
	return true
}

// mayMerge reports whether the turn is free for a gate. Rule R7:
// witnesses go first, and a turn without progress is lost.
func (h *head) mayMerge(m store.Merge) bool {
	switch {
	case h.turn.Gate == 0, h.turn.Gate == m.Gate:
		return true
	case m.Witness && !h.turn.Witness:
		return true
	default:
		return m.Stale == h.turn.Count // which is never zero, because it was counted
	}
}
