package boltstore

import (
	"errors"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

// fill appends n entries in one transaction.
func fill(t testing.TB, s *Store, n int, revocations ...store.Revocation) {
	t.Helper()
	payload, err := store.MarshalRevocations(revocations)
	if err != nil {
		t.Fatal(err)
	}
	group := make([]*appending, n)
	for i := range group {
		group[i] = &appending{payload: payload}
	}
	err = s.change(t.Context(), func(tx *bolt.Tx) error { return appendEntries(tx, group, s.own.now()) })
	if err != nil {
		t.Fatal(err)
	}
}

func TestBatchesAreBounded(t *testing.T) {
	large := make([]store.Revocation, store.MaxRevocations)
	for n := range large {
		large[n] = numbered(n, later())
	}
	for name, test := range map[string]struct {
		entries     int
		revocations []store.Revocation
		want        []int
	}{
		"by entries": {2*batchEntries + 10, large[:1], []int{batchEntries, batchEntries, 10}},
		"by bytes":   {30, large, []int{12, 12, 6}}, // 90 kB each
	} {
		t.Run(name, func(t *testing.T) {
			s := openAt(t, freshPath(t))
			fill(t, s, test.entries, test.revocations...)
			after := store.Position{}
			for i, want := range test.want {
				batch, err := s.Read(t.Context(), after, 0)
				if err != nil {
					t.Fatal(err)
				}
				if len(batch.Entries) != want || batch.Head.Seq != uint64(test.entries) {
					t.Errorf("batch %d has %d entries and head %d, want %d and %d",
						i, len(batch.Entries), batch.Head.Seq, want, test.entries)
				}
				after = batch.Entries[len(batch.Entries)-1].Position
			}
		})
	}
}

// Fault: the entries of a whole day expire at once, and revocations wait until one
// transaction has forgotten them all.
func TestTrimmingIsBounded(t *testing.T) {
	s := openAt(t, freshPath(t))
	fill(t, s, 2*trimEntries+1, numbered(1, 1))
	last := mustAppend(t, s, numbered(2, later()))
	before := commits(t, s)
	if err := s.Trim(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if n := commits(t, s) - before; n != 3 {
		t.Errorf("trimming took %d commits, want 3 for the log and none for sessions", n)
	}
	if entries := readAll(t, s); len(entries) != 1 || entries[0].Position != last {
		t.Errorf("after trimming, the log holds %d entries, want the last one", len(entries))
	}
}

// Trimming does not make the file grow: freed space is used again.
func TestTrimmedSpaceIsUsedAgain(t *testing.T) {
	path := freshPath(t)
	s := openAt(t, path)
	var size int
	for round := range 8 {
		fill(t, s, 4000, numbered(1, 1))
		if err := s.Trim(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		switch now := len(mustRead(t, path)); {
		case round == 1:
			size = now
		case round > 1 && now > size:
			t.Fatalf("after round %d the file has %d bytes, after the second %d", round, now, size)
		}
	}
	mustClose(t, s)
	if entries := readAll(t, openAt(t, path)); len(entries) != 0 {
		t.Errorf("the log holds %d entries, want none", len(entries))
	}
}

func TestUnreadableEntryIsNotSkipped(t *testing.T) {
	s := openAt(t, freshPath(t))
	mustAppend(t, s, numbered(1, later()))
	second := mustAppend(t, s, numbered(2, later()))
	payload, err := store.MarshalRevocations([]store.Revocation{numbered(3, later())})
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string][]byte{
		"of a later version":         marshalEntry(second, 1, []byte{99, 1, 2, 3}),
		"from another place":         marshalEntry(store.Position{Generation: second.Generation, Seq: 1}, 1, payload),
		"from another life":          marshalEntry(store.Position{Generation: 1, Seq: 2}, 1, payload),
		"cut off":                    {1, 2, 3},
		"with nothing but its frame": marshalEntry(second, 1, nil),
	} {
		err := s.change(t.Context(), func(tx *bolt.Tx) error {
			return tx.Bucket([]byte(bucketLog)).Put(seqKey(2), value)
		})
		if err != nil {
			t.Fatal(err)
		}
		if batch, err := s.Read(t.Context(), store.Position{}, 0); !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("an entry %s: Read gave %v, %v; want ErrUnreadable", name, batch, err)
		}
	}
}

// All operations run at once, and then the file is opened again. All acknowledged and
// unexpired entries are there, and Open finds no damage.
func TestEverythingAtOnce(t *testing.T) {
	path := freshPath(t)
	acknowledged := map[store.Key]bool{}
	for round := range 3 {
		s := openAt(t, path)
		var mu sync.Mutex
		var group sync.WaitGroup
		run := func(times int, call func(i int) error) {
			group.Go(func() {
				for i := range times {
					if err := call(i); err != nil {
						t.Errorf("round %d: %v", round, err)
						return
					}
				}
			})
		}
		for w := range 4 {
			run(40, func(i int) error {
				r := numbered(1000*round+100*w+i, later())
				if i%2 == 0 && w < 2 {
					r.Expires = 1
				}
				_, err := s.Append(t.Context(), r)
				mu.Lock()
				defer mu.Unlock()
				acknowledged[r.Key] = r.Expires != 1
				return err
			})
		}
		run(20, func(int) error { return s.Trim(t.Context(), time.Now()) })
		run(40, func(int) error { _, err := s.Read(t.Context(), store.Position{}, 0); return err })
		run(40, func(int) error { _, err := s.Of(t.Context(), "i", "u"); return err })
		run(20, func(i int) error {
			session := numbered(i, 0).Key.String()
			return s.Seen(t.Context(), store.Session{Issuer: "i", ID: session, Subject: "u", LastSeen: int64(round), Expires: int64(1 + i%2*1e10)})
		})
		group.Wait()
		mustClose(t, s)
	}
	held := map[store.Key]bool{}
	for _, entry := range readAll(t, openAt(t, path)) {
		held[entry.Revocations[0].Key] = true
	}
	for key, wanted := range acknowledged {
		if wanted && !held[key] {
			t.Errorf("%v was acknowledged and is missing", key)
		}
	}
}

// Close is called while all other calls are running. Each call either did its work or
// returns ErrClosed.
func TestCloseUnderLoad(t *testing.T) {
	path := freshPath(t)
	for range 20 {
		s := openAt(t, path)
		var group sync.WaitGroup
		until := func(call func() error) {
			group.Go(func() {
				var err error
				for err == nil {
					err = call()
				}
				if !errors.Is(err, store.ErrClosed) {
					t.Errorf("a call beside Close gave %v, want ErrClosed", err)
				}
			})
		}
		until(func() error { _, err := s.Append(t.Context(), numbered(1, 1)); return err })
		until(func() error { _, err := s.Read(t.Context(), store.Position{}, soon); return err })
		until(func() error { _, err := s.Of(t.Context(), "i", "u"); return err })
		until(func() error { return s.Seen(t.Context(), store.Session{Issuer: "i", ID: "s"}) })
		until(func() error { return s.Trim(t.Context(), time.Now()) })
		mustClose(t, s)
		group.Wait()
	}
}
