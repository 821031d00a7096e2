package redisstore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// BenchmarkAppendToRead is the time from an append at one store until another
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

// BenchmarkRawAppendToRead is the same with a bare XADD and XREAD BLOCK: what
// Redis and the client cost by themselves.
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

// BenchmarkReadAll is a cold start: every entry of a long log, one revocation
// each, from the beginning.
func BenchmarkReadAll(b *testing.B) {
	const entries = 100_000
	server := redistest.Start(b)
	s := openAt(b, server)
	head := mustAppend(b, s, "first")
	fill(b, server, head, entries)
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
		if read != entries {
			b.Fatalf("read %d entries, want %d", read, entries)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/entries, "ns/entry")
}
