package store

import "time"

// ClockSkew is how far the clocks of gates, and of a store, may be apart. A machine's
// clock may also go back by that much. Within it, revocations are kept long enough.
const ClockSkew = time.Minute

// Bounds say which tokens a log cannot judge, because it has forgotten or lost
// revocations that may have named them, and how long it keeps what it holds. All are
// Unix seconds, or zero if there is no such bound.
type Bounds struct {
	// Swept is the latest second by which expired entries were forgotten. A token that
	// expires by then, leeway included, is refused: it could be valid again only
	// because a clock went back.
	Swept int64
	// Forgotten: tokens with an `iat` up to this second are refused. It follows from a
	// retention that was raised: a token may now live longer than the revocations that
	// named it were kept.
	Forgotten int64
	// Floor: tokens with an `iat` up to this second are refused, because the log lost
	// unknown revocations.
	Floor int64
	// Lowered: an operator lowered the floor, so that tokens pass again that only a
	// floor up to this second refuses.
	Lowered int64
	// Hold: before this second no entry of the log is forgotten, whatever its own
	// expiry. It follows from a retention that was raised, too.
	Hold int64
}

// Refused returns the second up to which the floor refuses tokens, or zero.
func (b Bounds) Refused() int64 {
	if b.Floor <= b.Lowered {
		return 0
	}
	return b.Floor
}

// Join returns the larger value of each bound.
func (b Bounds) Join(o Bounds) Bounds {
	return Bounds{
		Swept:     max(b.Swept, o.Swept),
		Forgotten: max(b.Forgotten, o.Forgotten),
		Floor:     max(b.Floor, o.Floor),
		Lowered:   max(b.Lowered, o.Lowered),
		Hold:      max(b.Hold, o.Hold),
	}
}
