package redisstore

import "time"

// GuardEvery is how often heartbeats read the guard of the primary.
const GuardEvery = guardEvery

// AgeGuard makes the last reading of the guard older by this much.
func (s *Store) AgeGuard(by time.Duration) {
	aged := *s.guard.Load()
	aged.read = aged.read.Add(-by)
	s.guard.Store(&aged)
}
