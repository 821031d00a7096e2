package redisstore_test

import (
	"context"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// BenchmarkAppendToRead measures the time from an append at one store until another
// store's waiting read has returned it.
func BenchmarkAppendToRead(b *testing.B) {
	server := redistest.Start(b)
	writer, reader := openAt(b, server), openAt(b, server)
	position := mustAppend(b, writer, "first")
	got := make(chan store.Position, 1)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for after := position; ctx.Err() == nil; {
			batch, err := reader.Read(ctx, after, time.Second)
			if err == nil && len(batch.Entries) > 0 {
				after = batch.Head
				got <- after
			}
		}
	}()
	for i := 0; b.Loop(); i++ {
		mustAppend(b, writer, fmt.Sprint(i))
		<-got
	}
	cancel()
	<-ended
}

// BenchmarkRawAppendToRead is the same with a bare XADD and XREAD BLOCK. It shows the cost
// of Redis and the client alone.
func BenchmarkRawAppendToRead(b *testing.B) {
	server := redistest.Start(b)
	writer := redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: 2})
	reader := redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: 2})
	b.Cleanup(func() { _, _ = writer.Close(), reader.Close() })
	got := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for last := "0-0"; ctx.Err() == nil; {
			streams, err := reader.XRead(ctx, &redis.XReadArgs{
				Streams: []string{"log", last}, Count: 4096, Block: 500 * time.Millisecond,
			}).Result()
			if err == nil {
				last = streams[0].Messages[len(streams[0].Messages)-1].ID
				got <- struct{}{}
			}
		}
	}()
	payload, _ := store.MarshalRevocations([]store.Revocation{revocation("one")})
	for b.Loop() {
		if err := writer.XAdd(ctx, &redis.XAddArgs{Stream: "log", Values: []any{"p", payload}}).Err(); err != nil {
			b.Fatal(err)
		}
		<-got
	}
	cancel()
	<-ended
}

var entries = flag.Int("entries", 1_000_000, "how many entries BenchmarkColdRead reads")

// BenchmarkColdRead measures the read of a starting gate: every entry of a long log, one
// revocation each, from the beginning.
func BenchmarkColdRead(b *testing.B) {
	server := redistest.Start(b)
	s := openAt(b, server)
	fill(b, server, mustAppend(b, s, "first"), *entries)
	redisBefore, hereBefore := cpuOf(b, server), cpuHere(b)
	for b.Loop() {
		read := 0
		for after := (store.Position{}); ; {
			batch := mustRead(b, s, after)
			if len(batch.Entries) == 0 {
				break
			}
			read += len(batch.Entries)
			after = batch.Entries[len(batch.Entries)-1].Position
		}
		if read != *entries {
			b.Fatalf("read %d entries, want %d", read, *entries)
		}
	}
	each := float64(b.N) * float64(*entries)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/each, "ns/entry")
	b.ReportMetric(float64(cpuOf(b, server)-redisBefore)/each, "redis-cpu-ns/entry")
	b.ReportMetric(float64(cpuHere(b)-hereBefore)/each, "cpu-ns/entry")
}

// cpuOf returns the processor time that a Redis has used.
func cpuOf(tb testing.TB, server *redistest.Server) (used time.Duration) {
	tb.Helper()
	for line := range strings.Lines(server.Do("INFO", "cpu").(string)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_user" || name == "used_cpu_sys" {
			seconds, err := strconv.ParseFloat(value, 64)
			if err != nil {
				tb.Fatal(err)
			}
			used += time.Duration(seconds * float64(time.Second))
		}
	}
	return used
}

// cpuHere returns the processor time that this process has used.
func cpuHere(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
