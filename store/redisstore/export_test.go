package redisstore

import "time"

// GuardEvery is how often heartbeats read how the primary is guarded.
const GuardEvery = guardEvery

// AgeGuard lets this much time pass since the guard was read.
func (s *Store) AgeGuard(by time.Duration) {
	aged := *s.guard.Load()
	aged.read = aged.read.Add(-by)
	s.guard.Store(&aged)
}
