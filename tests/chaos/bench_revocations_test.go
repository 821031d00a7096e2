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
	// deleteRate is how many DELETEs a second gate 0 is sent, and requestRate how
	// many requests gate 1 is, each by so many clients.
	deleteRate, requestRate, clients = 1000, 500, 25
	// window is for how long gate 0 is asked one thing.
	window = 2 * time.Second
)

// BenchmarkRevocations measures what a thousand revocations a second at one gate
// cost the requests that another admits. Three windows take turns: gate 0 is
// idle; it is sent DELETEs that revoke nothing, so that the machine has the same
// to do; it is sent as many that revoke. Of gate 1 it reports latencies, and the
// processor time for each request, in which the work for the revocations is.
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
	// What gate 1 does for a revocation, however many requests it has.
	perRevocation := (revoking.cpu - steady.cpu).Seconds() * 1e6 / float64(revoking.deletes)
	b.ReportMetric(perRevocation, "cpu-µs/revocation")
	b.ReportMetric(revoking.median()/steady.median(), "p50-ratio")
	b.ReportMetric(revoking.perRequest()/steady.perRequest(), "cpu-ratio")
}

// load is what was measured in the windows of one kind.
type load struct {
	took    []time.Duration // of the requests that gate 1 admitted
	cpu     time.Duration   // of gate 1
	lasted  time.Duration
	deletes int
}

func (l *load) median() float64 { p50, _, _ := spread(l.took); return float64(p50) }

// perRequest is the processor time for one request, in microseconds.
func (l *load) perRequest() float64 { return l.cpu.Seconds() * 1e6 / float64(len(l.took)) }

// run has clients send requests to gate 1, and others do something at gate 0,
// both at their rates, for the length of a window. What is done reports whether the
// answer was the right one.
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
