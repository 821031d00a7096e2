package streams

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// With AtExpiry a request ends with the latest token of its session, not with its own.
// With ByRevocation no expiry ends it. A token without a session claim has its login as its
// session.
func TestANewTokenOfTheSessionProlongs(t *testing.T) {
	t.Run("session claim", func(t *testing.T) { testProlongs(t, func(k *store.Keys) *store.Key { return &k.Session }) })
	t.Run("login", func(t *testing.T) { testProlongs(t, func(k *store.Keys) *store.Key { return &k.Login }) })
}

func testProlongs(t *testing.T, nameOf func(*store.Keys) *store.Key) {
	synctest.Test(t, func(t *testing.T) {
		table := New(Options{Revoked: func(*store.Keys) bool { return false }, Changed: make(chan struct{})})
		defer table.Close()
		now := time.Now().Unix()
		first := &store.Keys{Token: store.Key{2}, Expires: now + 60}
		second := &store.Keys{Token: store.Key{3}, Expires: now + 120}
		*nameOf(first), *nameOf(second) = store.Key{1}, store.Key{1}
		alone := &store.Keys{Token: store.Key{4}, Expires: now + 60}
		writers := make([]*deadlineWriter, 4)
		for i, keys := range []*store.Keys{first, first, alone, alone} {
			writers[i] = new(deadlineWriter)
			end := AtExpiry
			if i == 3 {
				end = ByRevocation
			}
			defer table.Enter(writers[i], plain, keys, end).Leave()
		}
		table.Prolong(first)
		table.Prolong(second)
		table.Prolong(first) // an older token changes nothing
		table.Prolong(alone)
		cut := func() (cut [4]bool) {
			synctest.Wait()
			for i, w := range writers {
				cut[i] = w.cut.Load()
			}
			return cut
		}
		for _, step := range []struct {
			after time.Duration
			want  [4]bool
		}{
			{58 * time.Second, [4]bool{}},
			{4 * time.Second, [4]bool{false, false, true, false}},
			{56 * time.Second, [4]bool{false, false, true, false}},
			{4 * time.Second, [4]bool{true, true, true, false}},
			{time.Hour, [4]bool{true, true, true, false}},
		} {
			time.Sleep(step.after)
			if got := cut(); got != step.want {
				t.Errorf("after %v: cut %v, want %v", step.after, got, step.want)
			}
		}
	})
}

// Invariant 12: memory is bounded. Attack: log in a million times.
func TestTheLatestTokensAreBounded(t *testing.T) {
	var now atomic.Int64
	now.Store(1_800_000_000)
	table := New(Options{
		Revoked: func(*store.Keys) bool { return false },
		Clock:   func() time.Time { return time.Unix(now.Load(), 0) },
	})
	defer table.Close()
	prolong := func(i int, expires int64) *store.Keys {
		keys := &store.Keys{Expires: expires, Session: store.Key{3: 0, 4: byte(i >> 16), 5: byte(i >> 8), 6: byte(i), 7: 1}}
		table.Prolong(keys)
		return keys
	}
	for i := range 2 * maxLatest {
		prolong(i, now.Load()+60)
	}
	if n := len(table.latest[0].expires); n != maxLatest {
		t.Errorf("%d sessions are held, want %d", n, maxLatest)
	}
	now.Add(60)
	if keys := prolong(1<<20, now.Load()+60); table.latestOf(keys) != keys.Expires {
		t.Error("there is no room where all others have expired")
	}
}
