package chaos

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Figures count the actions of clients. They may be used concurrently.
type Figures struct {
	mu       sync.Mutex
	requests map[int]int // by status
	deletes  map[int]int
	took     []time.Duration // durations of the DELETEs that were answered 200
	logins   int             // admitted requests of later logins in ended sessions
}

func (f *Figures) request(r Reply) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.requests == nil {
		f.requests = make(map[int]int)
	}
	f.requests[r.Status]++
}

// login counts a request of a later login in an ended session.
func (f *Figures) login(r Reply) {
	f.request(r)
	if r.Status == admitted {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.logins++
	}
}

// Logins returns how many requests of later logins were admitted.
func (f *Figures) Logins() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.logins
}

func (f *Figures) delete(r Reply) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.deletes == nil {
		f.deletes = make(map[int]int)
	}
	f.deletes[r.Status]++
	if r.Status == http.StatusOK {
		f.took = append(f.took, r.Took())
	}
}

// Confirmed returns how many DELETEs were answered 200.
func (f *Figures) Confirmed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.took)
}

// Admitted returns how many requests were admitted.
func (f *Figures) Admitted() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests[admitted]
}

// String returns the figures in one line.
func (f *Figures) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	p50, p99, longest := spread(f.took)
	return fmt.Sprintf("%d requests (%d admitted, %d refused, %d 503, %d unanswered), "+
		"%d DELETEs (%d confirmed, %d were over, %d 503, %d unanswered; p50 %v, p99 %v, max %v)",
		sum(f.requests), f.requests[admitted], f.requests[refused], f.requests[unavailable], f.requests[unanswered],
		sum(f.deletes), f.deletes[200], f.deletes[404], f.deletes[unavailable], f.deletes[unanswered], p50, p99, longest)
}

func sum(counts map[int]int) (n int) {
	for _, count := range counts {
		n += count
	}
	return n
}

// spread returns the median, the 99th percentile and the maximum.
func spread(took []time.Duration) (p50, p99, longest time.Duration) {
	if len(took) == 0 {
		return 0, 0, 0
	}
	sorted := slices.Sorted(slices.Values(took))
	return sorted[len(sorted)/2], sorted[len(sorted)*99/100], sorted[len(sorted)-1]
}
