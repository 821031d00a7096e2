package redisstore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// usedMemory returns how much memory a server has allocated.
func usedMemory(tb testing.TB, server *redistest.Server) (bytes int) {
	tb.Helper()
	_, rest, _ := strings.Cut(server.Do("INFO", "memory").(string), "used_memory:")
	if _, err := fmt.Sscan(rest, &bytes); err != nil {
		tb.Fatal(err)
	}
	return bytes
}

// BenchmarkSessionMemory measures the memory of a session in Redis, with usual and with
// the longest ids. It also measures the time to record a session in a full namespace.
func BenchmarkSessionMemory(b *testing.B) {
	const kept = 100_000
	for _, c := range []struct {
		name     string
		subjects int
		id       int
	}{
		{"one of a subject, ids of 36 bytes", kept, 36},
		{"a thousand of a subject, ids of 36 bytes", kept / 1000, 36},
		{"one of a subject, ids of 1 KiB", kept, 1024},
	} {
		b.Run(c.name, func(b *testing.B) {
			server := redistest.Start(b)
			s := openLimited(b, server, 0, kept)
			before, next := usedMemory(b, server), 0
			see := func(n int) {
				var sessions []store.Session
				for range n {
					session := sessionOf(fmt.Sprintf("%0*d", c.id, next), fmt.Sprintf("%0*d", c.id, next%c.subjects), int64(next))
					sessions = append(sessions, session)
					next++
				}
				mustSee(b, s, sessions...)
			}
			see(kept)
			for b.Loop() {
				see(100)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/session")
			b.ReportMetric(float64(usedMemory(b, server)-before)/kept, "B/session")
		})
	}
}
