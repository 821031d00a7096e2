package model

import (
	"cmp"
	"slices"

	"github.com/sessiongate/sessiongate/store"
)

// heartbeat records a gate, and answers with the head.
func (s *Server) heartbeat(beat store.Heartbeat) store.Head {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.checked()
	if at := beat.Applied; at.Generation == h.generation && (s.strayed(h, at) || beat.Count > h.count) {
		s.begin(h)
	}
	if h.lease == 0 {
		// Rule R12 (DESIGN): the lease is the head's, whoever asks next.
		h.lease = beat.Lease
	}
	h.raise(beat)
	// Rule R3 (DESIGN): what a gate applied in another generation says nothing
	// about this one.
	if beat.Applied.Generation != h.generation {
		return h.answer()
	}
	count := h.next()
	if beat.Unlisted {
		h.unlisted = count
		s.unlist(h, beat.Gate)
	} else {
		s.held.gates[beat.Gate] = listed{beat.Applied.Seq, count}
		h.live = len(s.held.gates)
	}
	gone := s.dismiss(h, beat.Silent)
	// Rule R5 (DESIGN): only a gate of this generation can say that the leases of
	// the one before are over, and only once the log is open.
	if beat.Settled && h.state == store.StateOpen {
		h.state = store.StateSettled
	}
	answer := h.answer()
	answer.Count, answer.Gone = count, gone
	return answer
}

// dismiss takes gates off the list that have sent no heartbeat since the one with
// this count, which was answered longer ago than any lease lasts.
//
// Rule R2 (DESIGN): a gate that came back meanwhile has a greater count, and stays.
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
	switch m.Then {
	case store.Open:
		h.state = store.StateOpen
	case store.Keep:
		h.turn.Gate, h.turn.Witness = m.Gate, m.Witness
	}
	return h.answer(), true
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
