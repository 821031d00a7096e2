package tokenendpoint

import (
	"sync/atomic"
	"time"
)

// seldom is a line of the log that is written once a second at most. The zero seldom is ready. It
// may be used concurrently.
//
// Attack: fill the log. Anybody may send refresh tokens while the store is away, and requests
// to which the upstream answers with a page.
type seldom struct {
	last    atomic.Int64 // the Unix second of the last line
	leftOut atomic.Uint64
}

// take reports whether the line may be written now, and how many were left out before.
func (s *seldom) take() (leftOut uint64, ok bool) {
	now, last := time.Now().Unix(), s.last.Load()
	if now == last || !s.last.CompareAndSwap(last, now) {
		s.leftOut.Add(1)
		return 0, false
	}
	return s.leftOut.Swap(0), true
}
