package logout

import (
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// Counters count what became of logout tokens. The zero Counters are ready. Several receivers
// may share them.
type Counters struct {
	// Obeyed: what the token names is revoked at every gate.
	Obeyed atomic.Uint64
	// Refused: the request holds no valid logout token.
	Refused atomic.Uint64
	// Replayed: the token was received before.
	Replayed atomic.Uint64
	// Unavailable: the token could not be checked, or the revocation is not confirmed.
	Unavailable atomic.Uint64
}

// of returns the counter for an answer, nil for 200.
func (c *Counters) of(deny *reply.Denial) *atomic.Uint64 {
	switch {
	case deny == nil:
		return &c.Obeyed
	case deny.Status == http.StatusServiceUnavailable:
		return &c.Unavailable
	case errors.Is(deny.Detail.Err, errReceived):
		return &c.Replayed
	default:
		return &c.Refused
	}
}
