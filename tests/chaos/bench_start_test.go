package chaos

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// entries is how many revocations a cold start reads.
var entries = flag.Int("entries", 1_000_000, "how many revocations are on the log of BenchmarkColdStart")

// BenchmarkColdStart measures the time from the start of a process until its first admitted
// request, and the memory that it has then. The revocation log holds this many revocations:
// once with as many in an entry as fit, and once with one.
func BenchmarkColdStart(b *testing.B) {
	for name, each := range map[string]int{"full_entries": store.MaxRevocations, "one_per_entry": 1} {
		b.Run(name, func(b *testing.B) {
			// Another gate has opened the revocation log, so that only reading it is
			// measured.
			f := startDirect(b, 1)
			fill(b, f.Redis, *entries, each)
			f.Recovers(b, time.Minute)
			var slowest time.Duration
			var memory float64
			for b.Loop() {
				began := time.Now()
				fresh := f.Join(b)
				fresh.admits(b, time.Minute)
				slowest = max(slowest, time.Since(began))
				memory = max(memory, resident(b, fresh.Gates[0].PID()))
				fresh.Gates[0].Stop()
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(slowest.Seconds(), "max-s")
			b.ReportMetric(memory, "MiB")
		})
	}
}

// fill appends this many revocations to the revocation log, with each of them in each
// entry.
func fill(tb testing.TB, server *redistest.Server, revocations, each int) {
	tb.Helper()
	const clients = 32
	log, err := redisstore.Open(redisstore.Options{Addresses: []string{server.Addr()}, Namespace: namespace})
	if err != nil {
		tb.Fatal(err)
	}
	defer log.Close()
	expires := time.Now().Add(24 * time.Hour).Unix()
	var wait sync.WaitGroup
	failed := make([]error, clients)
	for client := range clients {
		wait.Go(func() {
			for first := client * each; first < revocations && failed[client] == nil; first += clients * each {
				entry := make([]store.Revocation, min(each, revocations-first))
				for i := range entry {
					key := store.NewKey(namespace, store.KindSession, "of others", strconv.Itoa(first+i))
					entry[i] = store.Revocation{Kind: store.KindSession, Key: key, Expires: expires}
				}
				_, failed[client] = log.Append(context.Background(), entry...)
			}
		})
	}
	wait.Wait()
	for _, err := range failed {
		if err != nil {
			tb.Fatal(err)
		}
	}
}

// resident returns the memory of a process, in MiB.
func resident(tb testing.TB, pid int) float64 {
	tb.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		tb.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	var kib float64
	if _, err := fmt.Sscanf(after, "%f kB", &kib); err != nil {
		tb.Fatalf("reading the memory of a process: %v", err)
	}
	return kib / 1024
}
