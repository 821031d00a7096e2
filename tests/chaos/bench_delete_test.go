package chaos

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// startDirect starts gates that reach one Redis without links.
func startDirect(tb testing.TB, gates int) *Fleet {
	tb.Helper()
	server := redistest.Start(tb)
	stores := make([]string, gates)
	for i := range stores {
		stores[i] = harness.Redis(server.Addr(), namespace)
	}
	f := StartGates(tb, stores, Lease)
	f.Redis = server
	return f
}

// BenchmarkDelete measures a DELETE at one of three gates, answered when all three hold the
// revocation. For comparison it measures, in turns, the time from a bare append to the
// revocation log of the same Redis until a blocked reader has it. No propagation can be
// faster.
func BenchmarkDelete(b *testing.B) {
	f := startDirect(b, 3)
	raw := startRaw(b, f.Redis)
	var deletes, repeats, raws []time.Duration
	for b.Loop() {
		raws = append(raws, raw.round(b))
		gate, s := len(deletes)%len(f.Gates), f.NewSession()
		first, again := f.End(gate, s), f.End(gate, s)
		if first.Status != http.StatusOK || again.Status != http.StatusNotFound {
			b.Fatalf("a DELETE is answered %d, and %d when repeated", first.Status, again.Status)
		}
		deletes, repeats = append(deletes, first.Took()), append(repeats, again.Took())
	}
	p50, p99, _ := spread(deletes)
	raw50, raw99, _ := spread(raws)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(milliseconds(p50), "p50-ms")
	b.ReportMetric(milliseconds(p99), "p99-ms")
	repeat50, _, _ := spread(repeats)
	b.ReportMetric(milliseconds(repeat50), "repeated-p50-ms")
	b.ReportMetric(milliseconds(raw50), "raw-p50-ms")
	b.ReportMetric(milliseconds(raw99), "raw-p99-ms")
	b.ReportMetric(float64(p50)/float64(raw50), "p50-ratio")
	b.ReportMetric(float64(p99)/float64(raw99), "p99-ratio")
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }

// raw is a stream of its own, with a client that appends and one that reads.
type raw struct {
	writer *redis.Client
	got    chan struct{} // one for each entry
}

func startRaw(tb testing.TB, server *redistest.Server) *raw {
	tb.Helper()
	r := &raw{writer: redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: 2}), got: make(chan struct{}, 1)}
	reader := redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: 2})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for last := "0-0"; ctx.Err() == nil; {
			streams, err := reader.XRead(ctx, &redis.XReadArgs{Streams: []string{"raw", last}, Block: Lease / 4}).Result()
			if err == nil {
				last = streams[0].Messages[0].ID
				r.got <- struct{}{}
			}
		}
	}()
	tb.Cleanup(func() {
		stop()
		<-ended
		_, _ = r.writer.Close(), reader.Close()
	})
	return r
}

// round appends an entry and waits until the reader has it.
func (r *raw) round(tb testing.TB) time.Duration {
	tb.Helper()
	payload := make([]byte, 40)
	began := time.Now()
	if err := r.writer.XAdd(tb.Context(), &redis.XAddArgs{Stream: "raw", Values: []any{"p", payload}}).Err(); err != nil {
		tb.Fatal(err)
	}
	<-r.got
	return time.Since(began)
}

// BenchmarkFrozenGate measures the first DELETE after one of three gates was stopped, which
// has to wait until that gate's lease expires, and the next DELETE.
func BenchmarkFrozenGate(b *testing.B) {
	f := startDirect(b, 3)
	var first, next []time.Duration
	for b.Loop() {
		f.Gates[2].Freeze()
		for _, took := range []*[]time.Duration{&first, &next} {
			reply := f.End(0, f.NewSession())
			if reply.Status != http.StatusOK {
				b.Fatalf("a DELETE is answered %d", reply.Status)
			}
			*took = append(*took, reply.Took())
		}
		f.Gates[2].Thaw()
		f.Recovers(b, unwitnessed)
	}
	_, _, longest := spread(first)
	p50, _, longestNext := spread(next)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(longest.Seconds()/Lease.Seconds(), "first-max-leases")
	b.ReportMetric(milliseconds(p50), "next-p50-ms")
	b.ReportMetric(milliseconds(longestNext), "next-max-ms")
}
