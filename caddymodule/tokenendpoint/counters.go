package tokenendpoint

import (
	"sync/atomic"

	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// Counters count what became of the requests that could issue tokens (MayGrant). Each is counted
// once, when it is answered. The zero Counters are ready. Several endpoints may share them.
type Counters struct {
	// Issued: the client got the tokens of the upstream's answer.
	Issued atomic.Uint64
	// NoTokens: the upstream's answer was passed on, and has no tokens. It is an error, nearly
	// always.
	NoTokens atomic.Uint64
	// Refused: the request presents a token that is revoked, expired or invalid.
	Refused atomic.Uint64
	// Malformed: the request cannot be read, or could be read in two ways.
	Malformed atomic.Uint64
	// Withheld: the upstream issued tokens, and the client did not get them.
	Withheld atomic.Uint64
	// Unavailable: the gate could not check the request, and did not pass it on.
	Unavailable atomic.Uint64
}

// refused returns the counter for a request that is not passed on.
func (c *Counters) refused(deny *reply.Denial) *atomic.Uint64 {
	switch deny.Reason {
	case "unavailable":
		return &c.Unavailable
	case "revoked", "expired", "invalid":
		return &c.Refused
	default:
		return &c.Malformed
	}
}
