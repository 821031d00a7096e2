package hub

import "github.com/sessiongate/sessiongate/store"

const RetryPause = retryPause

var RoundTo = roundTo

// Retries returns how many revocations wait for a retry.
func (h *Hub) Retries() int { return h.retries.len() }

// Retry adds a revocation to the queue of retries, without an event.
func (h *Hub) Retry(r store.Revocation) { h.retries.add(h.retryPause(), nil, r) }
