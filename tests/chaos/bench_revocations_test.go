package chaos

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

const (
	// deleteRate is how many DELETEs a second gate 0 gets, and requestRate how many
	// requests gate 1 gets. Each comes from this many clients.
	deleteRate, requestRate, clients = 1000, 500, 25
	// window is how long gate 0 gets one kind of load.
	window = 2 * time.Second
)

// BenchmarkRevocations measures what a thousand revocations a second at one gate cost the
// requests that another gate admits. Three windows take turns. In the first, gate 0 is
// idle. In the second, it gets DELETEs that revoke nothing, so that the machine has the
// same work. In the third, it gets as many that revoke. The benchmark reports gate 1's
// latencies, and its processor time for each request, which includes the work for the
// revocations.
func BenchmarkRevocations(b *testing.B) {
	f := startDirect(b, 3)
	over := f.NewSession()
	if reply := f.End(0, over); reply.Status != http.StatusOK {
		b.Fatalf("a DELETE is answered %d", reply.Status)
	}
	var idle, steady, revoking load
	for b.Loop() {
		idle.run(b, f, nil)
		steady.run(b, f, func(int) bool { return f.End(0, over).Status == http.StatusNotFound })
		sessions := make([]Session, window.Milliseconds()*deleteRate/1000+clients)
		for i := range sessions {
			sessions[i] = f.NewSession()
		}
		revoking.run(b, f, func(i int) bool { return f.End(0, sessions[i]).Status == http.StatusOK })
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(revoking.deletes)/revoking.lasted.Seconds(), "revocations/s")
	for name, l := range map[string]*load{"idle": &idle, "steady": &steady, "revoking": &revoking} {
		p50, p99, _ := spread(l.took)
		b.ReportMetric(float64(p50.Microseconds()), name+"-p50-µs")
		b.ReportMetric(float64(p99.Microseconds()), name+"-p99-µs")
		b.ReportMetric(l.perRequest(), name+"-cpu-µs/request")
	}
	// The cost of a revocation for gate 1, independent of its requests.
	perRevocation := (revoking.cpu - steady.cpu).Seconds() * 1e6 / float64(revoking.deletes)
	b.ReportMetric(perRevocation, "cpu-µs/revocation")
	b.ReportMetric(revoking.median()/steady.median(), "p50-ratio")
	b.ReportMetric(revoking.perRequest()/steady.perRequest(), "cpu-ratio")
}

// load holds the measurements of the windows of one kind.
type load struct {
	took    []time.Duration // of the requests that gate 1 admitted
	cpu     time.Duration   // of gate 1
	lasted  time.Duration
	deletes int
}

func (l *load) median() float64 { p50, _, _ := spread(l.took); return float64(p50) }

// perRequest returns the processor time for one request, in microseconds.
func (l *load) perRequest() float64 { return l.cpu.Seconds() * 1e6 / float64(len(l.took)) }

// run sends requests to gate 1 and calls do for gate 0, both at their rates, for the length
// of a window. do reports whether the answer was the right one.
func (l *load) run(b *testing.B, f *Fleet, do func(i int) bool) {
	b.Helper()
	ctx, stop := context.WithTimeout(b.Context(), window)
	defer stop()
	var mu sync.Mutex
	var wait sync.WaitGroup
	wrong, next := make(map[string]int), 0
	used, began := f.Gates[1].Processor(b), time.Now()
	for range clients {
		live := f.NewSession()
		wait.Go(func() {
			every(ctx, time.Second*clients/requestRate, func() {
				reply := f.Request(1, live)
				mu.Lock()
				defer mu.Unlock()
				if l.took = append(l.took, reply.Took()); reply.Status != admitted {
					wrong[fmt.Sprint("a request is answered ", reply.Status)]++
				}
			})
		})
		if do == nil {
			continue
		}
		wait.Go(func() {
			every(ctx, time.Second*clients/deleteRate, func() {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				right := do(i)
				mu.Lock()
				defer mu.Unlock()
				if l.deletes++; !right {
					wrong["a DELETE is answered wrong"]++
				}
			})
		})
	}
	wait.Wait()
	l.cpu += f.Gates[1].Processor(b) - used
	l.lasted += time.Since(began)
	for what, n := range wrong {
		b.Errorf("%s, %d times", what, n)
	}
}
