package simulation

import (
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"
)

// streams are the sources of chance of one run. Each has a name and gives the
// same numbers for the same seed, whatever is drawn from the others: one more
// call of one gate does not change the weather of all.
type streams struct {
	seed  uint64
	mu    sync.Mutex
	named map[string]*stream
}

func newStreams(seed uint64) *streams {
	return &streams{seed: seed, named: make(map[string]*stream)}
}

// of returns the stream of a name.
func (s *streams) of(name string) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.named[name]; !known {
		s.named[name] = s.at(name, 0)
	}
	return s.named[name]
}

// at returns a stream of one name and one moment. What is drawn from it does not
// depend on what else happens at that moment, in whatever order.
func (s *streams) at(name string, moment time.Duration) *stream {
	hash := fnv.New64a()
	hash.Write([]byte(name))
	return &stream{random: rand.New(rand.NewPCG(s.seed+uint64(moment)*0x9e3779b97f4a7c15, hash.Sum64()))}
}

// stream is one source of chance. It is safe for concurrent use.
type stream struct {
	mu     sync.Mutex
	random *rand.Rand
}

// chance is true so often.
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

// between returns a time to the nanosecond: no two that are drawn are the same,
// so that at one instant one thing happens.
func (s *stream) between(shortest, longest time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return shortest + time.Duration(s.random.Int64N(int64(longest-shortest)))
}

// pick returns one of several.
func pick[T any](s *stream, of []T) T { return of[s.below(len(of))] }
