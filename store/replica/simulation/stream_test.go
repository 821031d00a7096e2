package simulation

import (
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"
)

// streams are the named sources of randomness of one run. A stream gives the same numbers
// for the same seed, independent of draws from other streams. One more call of one gate
// therefore does not change the weather of all.
type streams struct {
	seed  uint64
	mu    sync.Mutex
	named map[string]*stream
}

func newStreams(seed uint64) *streams {
	return &streams{seed: seed, named: make(map[string]*stream)}
}

// of returns the stream with a name.
func (s *streams) of(name string) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.named[name]; !known {
		s.named[name] = s.at(name, 0)
	}
	return s.named[name]
}

// at returns a stream for a name and a moment. Other events at that moment do not affect
// it, whatever their order.
func (s *streams) at(name string, moment time.Duration) *stream {
	hash := fnv.New64a()
	hash.Write([]byte(name))
	return &stream{random: rand.New(rand.NewPCG(s.seed+uint64(moment)*0x9e3779b97f4a7c15, hash.Sum64()))}
}

// stream is one source of randomness. It is safe for concurrent use.
type stream struct {
	mu     sync.Mutex
	random *rand.Rand
}

// chance returns true with the given probability.
func (s *stream) chance(probability float64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.Float64() < probability
}

// below returns a number from 0 to n - 1.
func (s *stream) below(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.IntN(n)
}

// between returns a duration to the nanosecond. Two draws practically never coincide, so
// only one thing happens at an instant.
func (s *stream) between(shortest, longest time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return shortest + time.Duration(s.random.Int64N(int64(longest-shortest)))
}

// pick returns a random element.
func pick[T any](s *stream, of []T) T { return of[s.below(len(of))] }
