package hub

import "github.com/sessiongate/sessiongate/store"

const RetryPause = retryPause

var RoundTo = roundTo

// Retries is how many revocations are to be completed.
func (h *Hub) Retries() int { return h.retries.len() }

// Retry has a revocation completed of which subscribers have heard.
func (h *Hub) Retry(r store.Revocation) { h.retries.add(h.retryPause(), nil, r) }
