package boltstore

import (
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// go test ./store/boltstore -run '^$' -bench . -benchtime 2s

func BenchmarkAppend(b *testing.B) {
	s := openAt(b, freshPath(b))
	for n := 0; b.Loop(); n++ {
		mustAppend(b, s, numbered(n, later()))
	}
}

func BenchmarkAppend64AtOnce(b *testing.B) {
	s := openAt(b, freshPath(b))
	var n atomic.Int64
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Append(b.Context(), numbered(int(n.Add(1)), later())); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/float64(commits(b, s)), "appends/commit")
}

func BenchmarkOpen(b *testing.B) {
	for _, entries := range []int{1e5, 1e6} {
		b.Run(strconv.Itoa(entries), func(b *testing.B) {
			path := freshPath(b)
			s := openAt(b, path)
			for range entries / 1e4 {
				fill(b, s, 1e4, numbered(1, later()))
			}
			mustClose(b, s)
			b.SetBytes(int64(len(mustRead(b, path))))
			for b.Loop() {
				s, err := Open(Options{Path: path})
				if err != nil {
					b.Fatal(err)
				}
				mustClose(b, s)
			}
		})
	}
}

func BenchmarkReadAll(b *testing.B) {
	const entries = 1e5
	s := openAt(b, freshPath(b))
	for range int(entries / 1e4) {
		fill(b, s, 1e4, numbered(1, later()))
	}
	for b.Loop() {
		if n := len(readAll(b, s)); n != entries {
			b.Fatalf("read %d entries, want %g", n, entries)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/entries, "ns/entry")
}

func BenchmarkSeen(b *testing.B) {
	s := openAt(b, freshPath(b))
	sessions := make([]store.Session, seenSessions)
	n := 0
	for b.Loop() {
		for i := range sessions {
			n++
			sessions[i] = seen(strconv.Itoa(n), strconv.Itoa(n/3), int64(n), later())
		}
		mustSee(b, s, sessions...)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/seenSessions, "ns/session")
}
