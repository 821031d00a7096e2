package hub

import "time"

// ValidLease reports whether a fleet may have this lease: 200ms to 5m.
func ValidLease(lease time.Duration) bool {
	return lease >= 200*time.Millisecond && lease <= 5*time.Minute
}
