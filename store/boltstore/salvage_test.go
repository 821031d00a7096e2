package boltstore

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"reflect"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

// place writes a database that was tampered with, and its marker, and returns the
// path.
func (m model) place(t testing.TB, database []byte) string {
	t.Helper()
	path := freshPath(t)
	mustWrite(t, path, database)
	mustWrite(t, markerPath(path), m.marker)
	return path
}

// salvaged returns what can be kept of a database, closed with the test, or nil.
func (m model) salvaged(t testing.TB, path string) *Salvaged {
	t.Helper()
	s, err := Salvage(Options{Path: path})
	if errors.Is(err, ErrSound) || errors.Is(err, store.ErrUnreadable) {
		return nil
	}
	if err != nil {
		t.Fatalf("Salvage: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	m.checkKept(t, s)
	return s
}

// checkKept fails the test unless everything kept was written, and everything missing
// is reported.
func (m model) checkKept(t testing.TB, s *Salvaged) {
	t.Helper()
	written := make(map[uint64]store.Entry)
	for _, entry := range m.entries {
		written[entry.Position.Seq] = entry
	}
	for seq, value := range s.kept.values {
		entry, err := unmarshalEntry(store.Position{Generation: s.base.generation, Seq: seq}, value)
		if err != nil || !reflect.DeepEqual(entry, written[seq]) {
			t.Fatalf("entry %d is kept as %v (%v), and was written as %v", seq, entry, err, written[seq])
		}
	}
	missing := len(m.entries) - s.Entries
	if len(s.kept.values) != s.Entries || missing > 0 && s.Whole || s.Lost > 0 && int(s.Lost) < missing {
		t.Fatalf("%d of %d entries are kept, Lost is %d, Whole is %t", s.Entries, len(m.entries), s.Lost, s.Whole)
	}
}

// Fault: every page goes bad in turn. The contents of the others are kept, and the rest
// is reported as lost.
func TestSalvageKeepsWhatIsOnOtherPages(t *testing.T) {
	m := newModel(t)
	most, whole, pages := 0, 0, 0
	for name, damage := range map[string]func(i int, page []byte){
		"zeroed":      func(_ int, page []byte) { clear(page) },
		"garbage":     func(i int, page []byte) { copy(page, noise(i, len(page))) },
		"half zeroed": func(_ int, page []byte) { clear(page[len(page)/2:]) },
	} {
		t.Run(name, func(t *testing.T) {
			for i := range len(m.database) / m.pageSize {
				database := bytes.Clone(m.database)
				damage(i, database[i*m.pageSize:(i+1)*m.pageSize])
				if s := m.salvaged(t, m.place(t, database)); s != nil {
					pages++
					if s.Entries > len(m.entries)*3/4 {
						most++
					}
					if s.Whole {
						whole++
					}
				}
			}
		})
	}
	if most < pages/2 {
		t.Errorf("with one of %d bad pages, most entries were kept %d times", pages, most)
	}
	if whole == 0 {
		t.Error("no bad page was one that holds no revocation")
	}
}

// The end of the log is only known from both meta pages and both copies of the head.
// The contents of other pages may come from the previous commit.
func TestSalvageIsUncertainOfTheEndWithoutBothMetaPages(t *testing.T) {
	m := newModel(t)
	for i := range 2 {
		database := bytes.Clone(m.database)
		clear(database[i*m.pageSize : (i+1)*m.pageSize])
		s := m.salvaged(t, m.place(t, database))
		if s == nil || s.Whole || s.Entries != len(m.entries) {
			t.Errorf("without meta page %d: %+v, want all entries and no certainty", i, s)
		}
	}
}

func TestSalvageOfCutOffAndGarbage(t *testing.T) {
	m := newModel(t)
	size := len(m.database)
	for at := 0; at < size; at += m.pageSize / 2 {
		if s := m.salvaged(t, m.place(t, m.database[:at])); s != nil && s.Whole && at < size/3 {
			t.Errorf("cut off at %d of %d, no loss is reported", at, size)
		}
	}
	for name, database := range map[string][]byte{
		"zeros": make([]byte, size), "garbage": noise(1, size), "empty": {}, "text": []byte("gone fishing\n"),
	} {
		s := m.salvaged(t, m.place(t, database))
		if s == nil || s.Entries != 0 || s.Whole {
			t.Fatalf("%s: %+v, want that everything may be lost", name, s)
		}
		opened, damaged := mustReplace(t, s)
		if h := headOf(t, opened); h.bounds.Floor < time.Now().Unix()-60 || h.seq != 0 {
			t.Errorf("%s was replaced by a store with the head %+v, want an empty one with a floor", name, h)
		}
		if got := mustRead(t, damaged); !bytes.Equal(got, database) {
			t.Errorf("%s was changed", name)
		}
	}
}

// A file that was overwritten, on purpose or not, yields nothing that no gate has written.
// Reading it always ends.
func TestSalvageOfScrambledFiles(t *testing.T) {
	m := newModel(t)
	path := m.place(t, m.database)
	random := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		database := bytes.Clone(m.database)
		for range 1 + random.IntN(6) {
			page := random.IntN(len(database) / m.pageSize)
			within := random.IntN(m.pageSize) >> random.IntN(9)
			database[page*m.pageSize+within] ^= 1 << random.IntN(8)
		}
		mustWrite(t, path, database)
		if s := m.salvaged(t, path); s != nil {
			_ = s.Close()
		}
	}
}

func FuzzSalvage(f *testing.F) {
	m := newModel(f)
	m.addEdits(f)
	path := m.place(f, m.database)
	f.Fuzz(func(t *testing.T, edits []byte) {
		for _, database := range [][]byte{m.edited(edits), m.resealed(m.edited(edits))} {
			mustWrite(t, path, database)
			s, err := Salvage(Options{Path: path})
			if err != nil {
				continue
			}
			if s.Entries > len(m.entries) {
				t.Errorf("%d entries are kept of %d", s.Entries, len(m.entries))
			}
			_ = s.Close()
		}
	})
}

// Fault: one of the two pages with the head is a stale copy, as after a lost write.
func TestSalvageIsUncertainWithAStaleHead(t *testing.T) {
	m := newModel(t)
	path := m.place(t, m.database)
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		h, err := loadHead(tx)
		h.seq++ // the other copy has one more entry
		return errors.Join(err, tx.Bucket([]byte(bucketLog)).Put(keySeal, h.marshal()))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if s := m.salvaged(t, path); s == nil || s.Whole || s.Lost != 1 || s.Entries != len(m.entries) {
		t.Fatalf("salvaged as %+v, want all, and no certainty", s)
	}
}

// Fault: a page without revocations is bad, and the marker is gone, so that the file
// may be an older copy.
func TestSalvageIsNotWholeWithoutItsMarker(t *testing.T) {
	m, whole := newModel(t), 0
	for i := 2; i < len(m.database)/m.pageSize; i++ {
		database := bytes.Clone(m.database)
		clear(database[i*m.pageSize : (i+1)*m.pageSize])
		with := m.salvaged(t, m.place(t, database))
		path := m.place(t, database)
		if err := os.Remove(markerPath(path)); err != nil {
			t.Fatal(err)
		}
		without := m.salvaged(t, path)
		if with == nil || !with.Whole {
			continue
		}
		if whole++; without == nil || without.Whole || without.Entries != with.Entries {
			t.Errorf("with page %d bad and no marker: %+v", i, without)
		}
	}
	if whole == 0 {
		t.Error("no bad page was one that holds no revocation")
	}
}

func TestSalvageRefusesStoresThatNeedNone(t *testing.T) {
	m := newModel(t)
	path := m.place(t, m.database)
	if _, err := Salvage(Options{Path: path}); !errors.Is(err, ErrSound) {
		t.Errorf("of a sound store: %v, want ErrSound", err)
	}
	held := openAt(t, path)
	if _, err := Salvage(Options{Path: path}); !errors.Is(err, store.ErrLocked) {
		t.Errorf("of a store in use: %v, want ErrLocked", err)
	}
	mustClose(t, held)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if s := m.salvaged(t, path); s.Entries != 0 || s.Whole || !errors.Is(s.Damage, store.ErrDamaged) {
		t.Errorf("of a deleted store: %+v, want nothing", s)
	}
	if _, err := Salvage(Options{Path: freshPath(t)}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a store that never was: %v, want ErrNotExist", err)
	}
}
