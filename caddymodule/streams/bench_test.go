package streams

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// BenchmarkEnterLeave measures how much the table costs an ordinary request: at most 100
// ns, and no allocation.
func BenchmarkEnterLeave(b *testing.B) {
	t := New(Options{Revoked: func(*store.Keys) bool { return false }})
	defer t.Close()
	w, keys := httptest.NewRecorder(), new(store.Keys)
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			t.Enter(w, plain, keys, AtExpiry).Leave()
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				t.Enter(w, plain, keys, AtExpiry).Leave()
			}
		})
	})
}

// BenchmarkLook measures a revocation while many requests are running, including the checks
// of their tokens.
func BenchmarkLook(b *testing.B) {
	for _, running := range []int{0, 100, 10_000} {
		b.Run(fmt.Sprint(running), func(b *testing.B) {
			t := New(Options{Revoked: func(*store.Keys) bool { return false }, Changed: make(chan struct{})})
			defer t.Close()
			w := httptest.NewRecorder()
			for range running {
				defer t.Enter(w, plain, new(store.Keys), ByRevocation).Leave()
			}
			b.ReportAllocs()
			for b.Loop() {
				t.look()
			}
		})
	}
}
