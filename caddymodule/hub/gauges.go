package hub

import "github.com/sessiongate/sessiongate/store/replica"

// Size returns how much the replica holds. It is quick.
func (h *Hub) Size() replica.Size {
	if !h.isOpen.Load() {
		return replica.Size{}
	}
	return h.replica.Size()
}

// Running returns how many admitted requests are running.
func (h *Hub) Running() int {
	if !h.isOpen.Load() {
		return 0
	}
	return h.running.Len()
}

// Seen returns how many sessions this gate has seen in the last 15 to 30 minutes.
func (h *Hub) Seen() int {
	if !h.isOpen.Load() {
		return 0
	}
	return h.registry.Len()
}

// Unconfirmed returns how many revocations this gate retries, because it does not know yet that
// they hold at every gate. It is 1 if the gate holds an unknown number of revocations that the
// store may lack. Of more than 16,384 it counts so many.
func (h *Hub) Unconfirmed() int {
	switch n := h.retries.len(); {
	case n > 0:
		return n
	case h.Status().Unconfirmed:
		return 1
	default:
		return 0
	}
}
