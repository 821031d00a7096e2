package replica

import (
	"encoding/binary"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// numbered returns the n-th of many different keys, distributed like hashes.
func numbered(n uint64) store.Key {
	var k store.Key
	h := n * 0x9e3779b97f4a7c15
	binary.BigEndian.PutUint64(k[:8], h^h>>29)
	binary.BigEndian.PutUint64(k[8:], (h^h>>32)*0xbf58476d1ce4e5b9)
	return k
}

// add adds k for good, until the second expires.
func (s *keySet) add(k store.Key, expires int64, marks mark) { s.addUpTo(k, expires, forGood, marks) }

func TestKeySetIsExact(t *testing.T) {
	const n = 100_000
	var s keySet
	for i := range uint64(n) {
		s.add(numbered(i), 100, markLogged)
	}
	for i := range uint64(n) {
		if !s.has(numbered(i)) {
			t.Fatalf("key %d of %d is missing", i, n)
		}
		if s.has(numbered(n + i)) {
			t.Fatalf("key %d was never added", n+i)
		}
	}
	if s.len() != n {
		t.Errorf("the set counts %d keys, want %d", s.len(), n)
	}
}

func TestKeysThatShareASlotAreToldApart(t *testing.T) {
	var s keySet
	for i := range byte(50) {
		k := store.Key{0: 7, 1: i, 15: 1} // one shard, one slot
		s.add(k, 100, markLogged)
		if k[1]++; s.has(k) {
			t.Errorf("key %x was never added", k)
		}
	}
	for i := range byte(50) {
		if k := (store.Key{0: 7, 1: i, 15: 1}); !s.has(k) {
			t.Errorf("key %x is missing", k)
		}
	}
}

func TestAKeyWithZeroBitsIsHeld(t *testing.T) {
	var s keySet
	k := store.Key{15: 9}
	if s.add(k, 100, markLogged); !s.has(k) {
		t.Errorf("key %x is missing", k)
	}
	if s.has(store.Key{15: 8}) {
		t.Error("another key was never added")
	}
}

func TestAddingAgainKeepsTheLaterExpiry(t *testing.T) {
	var s keySet
	k := numbered(1)
	s.add(k, 200, markLogged)
	s.add(k, 100, markLogged)
	if s.purge(150); !s.has(k) {
		t.Error("an earlier expiry replaced a later one")
	}
	s.add(k, 300, markLogged)
	if s.purge(250); !s.has(k) || s.len() != 1 {
		t.Errorf("held: %t, count %d; want the key, once", s.has(k), s.len())
	}
}

func TestPurgeForgetsWhatHasExpiredAndNothingElse(t *testing.T) {
	const n = 20_000
	var s keySet
	for i := range uint64(n) {
		s.add(numbered(i), int64(1000+i%2*1000), markLogged)
	}
	s.purge(1000)
	for i := range uint64(n) {
		if want := i%2 == 1; s.has(numbered(i)) != want {
			t.Fatalf("key %d held: %t, want %t", i, !want, want)
		}
	}
	if s.len() != n/2 {
		t.Errorf("the set counts %d keys, want %d", s.len(), n/2)
	}
	if s.purge(5000); s.len() != 0 {
		t.Errorf("the set still counts %d keys", s.len())
	}
}

// Fault: a reader of a table that is being replaced misses a key that was added before the
// read.
func TestReadersMissNothingWhileTheSetGrowsAndShrinks(t *testing.T) {
	const n = 50_000
	var s keySet
	var added atomic.Uint64
	var done atomic.Bool
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for !done.Load() {
				upTo := added.Load()
				for i := upTo - min(upTo, 100); i < upTo; i++ {
					if i%2 == 1 && !s.has(numbered(i)) {
						t.Errorf("key %d was added before and is missing", i)
						return
					}
				}
				runtime.Gosched()
			}
		})
	}
	for i := range uint64(n) {
		s.add(numbered(i), int64(1000+i%2*1000), markLogged)
		added.Store(i + 1)
		if i%5000 == 0 {
			s.purge(1000) // the even ones
		}
	}
	done.Store(true)
	group.Wait()
}

func BenchmarkSetMemory(b *testing.B) {
	for _, n := range []uint64{1e4, 1e6, 1e7} {
		b.Run(strconv.FormatUint(n, 10), func(b *testing.B) {
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				s := newSet()
				for i := range n {
					s.keys.add(numbered(i), 100, markLogged)
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "bytes/entry")
				runtime.KeepAlive(s)
			}
		})
	}
}
