package redisstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// BenchmarkFleet measures each call of a fleet, with few and with many gates.
func BenchmarkFleet(b *testing.B) {
	for _, gates := range []store.GateID{3, 100} {
		server := redistest.Start(b)
		s := openAt(b, server)
		position := mustAppend(b, s, "one")
		for gate := range gates {
			mustBeat(b, s, gate+1, position)
		}
		beat := store.Heartbeat{Gate: 1, Applied: position, Lease: 3 * time.Second}
		for name, call := range map[string]func() error{
			"Heartbeat": func() error { _, err := s.Heartbeat(b.Context(), beat); return err },
			"Look":      func() error { _, err := s.Look(b.Context()); return err },
			"Publish":   func() error { _, err := s.Publish(b.Context(), revocation("x")); return err },
		} {
			b.Run(fmt.Sprintf("%s/gates=%d", name, gates), func(b *testing.B) { measure(b, server, call) })
		}
	}
}

// BenchmarkRaw measures one round trip.
func BenchmarkRaw(b *testing.B) {
	server := redistest.Start(b)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: 2})
	b.Cleanup(func() { _ = client.Close() })
	record := recordOf(b, 1, revocation("one"))
	for name, call := range map[string]func() error{
		"PING": func() error { return client.Ping(b.Context()).Err() },
		"XADD": func() error {
			return client.XAdd(b.Context(), &redis.XAddArgs{Stream: "log", Values: []any{"r", record}}).Err()
		},
	} {
		b.Run(name, func(b *testing.B) { measure(b, server, call) })
	}
}

// measure makes calls one after another, and also reports their cost at the server.
func measure(b *testing.B, server *redistest.Server, call func() error) {
	before := cpuOf(b, server)
	for b.Loop() {
		if err := call(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpuOf(b, server)-before)/float64(b.N), "redis-cpu-ns/op")
}
