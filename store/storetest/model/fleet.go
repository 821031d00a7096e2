package model

import "github.com/sessiongate/sessiongate/store"

// heartbeat records a gate, and answers with the head.
func (s *Server) heartbeat(beat store.Heartbeat) store.Head {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.checked()
	if beat.Applied.Generation == h.generation && beat.Applied.Seq > h.seq {
		s.begin(h) // the log has gone back within one process
	}
	if h.lease == 0 {
		// Rule R12 (DESIGN): the lease is the head's, whoever asks next.
		h.lease = beat.Lease
	}
	h.raise(beat)
	// Rule R3 (DESIGN): what a gate applied in another generation says nothing
	// about this one.
	if beat.Applied.Generation != h.generation {
		return h.brief()
	}
	gate := store.Gate{ID: beat.Gate, Applied: beat.Applied.Seq, Count: h.next()}
	h.gates[gate.ID] = gate
	// Rule R5 (DESIGN): only a gate of this generation can say that the leases of
	// the one before are over, and only once the log is open.
	if beat.Settled && h.state == store.StateOpen {
		h.state = store.StateSettled
	}
	answer := h.brief()
	answer.Count = gate.Count
	return answer
}

// raise keeps the longest retention, and remembers when it grew.
func (h *head) raise(beat store.Heartbeat) {
	if beat.Retention <= h.retention {
		return
	}
	if h.retention > 0 {
		h.before, h.raised = h.retention, beat.Now
	}
	h.retention = beat.Retention
}

// look returns the head.
func (s *Server) look() store.Head {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.checked().whole()
}

// dismiss takes a gate off the list. Rule R2 (DESIGN): it names generation, gate
// and count, so that a gate that came back meanwhile stays.
func (s *Server) dismiss(generation store.Generation, gate store.Gate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.checked()
	live, listed := h.gates[gate.ID]
	if listed && generation == h.generation && live.Count == gate.Count {
		delete(h.gates, gate.ID)
	}
}

// merge takes or keeps the turn and puts on the log what the gate held.
func (s *Server) merge(m store.Merge) (store.Head, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.checked()
	if m.Generation != h.generation || h.state != store.StateRepair || !h.mayMerge(m) {
		return h.whole(), false
	}
	if len(m.Revocations) > 0 {
		s.add(h, m.Revocations)
	}
	switch m.Then {
	case store.Open:
		h.state = store.StateOpen
		h.turn = store.Turn{}
	case store.Release:
		h.turn = store.Turn{}
	default:
		h.turn = store.Turn{Gate: m.Gate, Witness: m.Witness, Count: h.next()}
	}
	return h.whole(), true
}

// mayMerge reports whether the turn is free for a gate. Rule R7 (DESIGN):
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
