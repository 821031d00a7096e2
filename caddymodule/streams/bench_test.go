package streams

import (
	"net/http/httptest"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// What an ordinary request pays to be found while it runs: at most 100 ns, and no
// allocation.
func BenchmarkEnterLeave(b *testing.B) {
	t := New(Options{Revoked: func(*store.Keys) bool { return false }})
	defer t.Close()
	w, keys := httptest.NewRecorder(), new(store.Keys)
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			t.Enter(w, keys, AtExpiry).Leave()
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				t.Enter(w, keys, AtExpiry).Leave()
			}
		})
	})
}
