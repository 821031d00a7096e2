package boltstore

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

// A flipped bit on the disk, at any place, makes no revocation disappear.
func TestFlippedBitsLoseNothing(t *testing.T) {
	m := newModel(t)
	random := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		database := bytes.Clone(m.database)
		at := random.IntN(len(database))
		database[at] ^= 1 << random.IntN(8)
		if !m.try(t, database) && t.Failed() {
			t.Fatalf("with byte %d changed", at)
		}
	}
}

// The same in memory, where thousands of files can be tried: bytes of pages in use are
// changed. Verifying neither panics nor accepts a log with fewer or other entries.
func TestVerifyingScrambledFiles(t *testing.T) {
	m := newModel(t)
	random := rand.New(rand.NewPCG(3, 4))
	want, err := verifyBytes(m.database)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for range 1500 {
		database := bytes.Clone(m.database)
		for range 1 + random.IntN(4) {
			page := random.IntN(len(database) / m.pageSize)
			within := random.IntN(m.pageSize) >> random.IntN(9) // headers more often than contents
			database[page*m.pageSize+within] = byte(random.Uint32())
		}
		got, err := verifyBytes(database)
		switch {
		case err == nil && got != want:
			t.Fatalf("a scrambled file passed with the head %+v, want %+v", got, want)
		case err != nil && !errors.Is(err, store.ErrDamaged):
			t.Fatalf("verifying gave %v, want ErrDamaged", err)
		case err != nil:
			refused++
		}
	}
	if refused < 150 {
		t.Errorf("%d of 1500 scrambled files were refused, want far more", refused)
	}
}

// If one meta page is not valid, bbolt uses the other one, and so the previous commit.
func TestEachByteOfTheMetaPagesCounts(t *testing.T) {
	m := newModel(t)
	for _, begin := range []int{0, m.pageSize} {
		for at := begin + pageHeader; at < begin+pageHeader+metaSize; at++ {
			database := bytes.Clone(m.database)
			database[at] ^= 1
			if h, err := verifyBytes(database); !errors.Is(err, store.ErrDamaged) {
				t.Errorf("with byte %d changed, verifying gave %+v, %v; want ErrDamaged", at, h, err)
			}
		}
	}
}

func verifyBytes(database []byte) (head, error) {
	var c contents
	if err := verifyFile(bytes.NewReader(database), int64(len(database)), &c); err != nil {
		return head{}, err
	}
	return c.finish()
}

func headOf(t testing.TB, s *Store) (h head) {
	t.Helper()
	err := s.view(t.Context(), func(tx *bolt.Tx) (err error) {
		h, err = loadHead(tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A page of the log as it was some commits ago, with a valid checksum on every entry: a
// write that the disk confirmed and lost.
func TestStalePageIsDamage(t *testing.T) {
	path := freshPath(t)
	s := openAt(t, path)
	mustAppend(t, s, numbered(0, later()))
	h := headOf(t, s)
	mustClose(t, s)
	database := mustRead(t, path)
	seal := h.marshal()
	h.seq, h.tag = 0, 0
	older := h.marshal()
	replaced := 0
	for at := 0; at+len(seal) <= len(database); at++ {
		if string(database[at:at+len(seal)]) == string(seal) {
			copy(database[at:], older) // each of the two copies in turn
			mustWrite(t, path, database)
			wantDamaged(t, path, "")
			copy(database[at:], seal)
			replaced++
		}
	}
	if replaced != 2 {
		t.Errorf("the file has %d copies of its head, want 2", replaced)
	}
	mustWrite(t, path, database)
	openAt(t, path)
}

// A file of a later version might revoke in ways that this one cannot read.
func TestLaterVersionIsNotOpened(t *testing.T) {
	path := freshPath(t)
	mustClose(t, openAt(t, path))
	database := mustRead(t, path)
	for at := 0; at+headSize <= len(database); at++ {
		if h, err := unmarshalHead(database[at : at+headSize]); err == nil && h.generation != 0 {
			database[at+sumSize] = headVersion + 1
			sealed(database[at : at+headSize])
		}
	}
	mustWrite(t, path, database)
	if _, err := Open(Options{Path: path}); !errors.Is(err, store.ErrUnreadable) {
		t.Errorf("Open gave %v, want ErrUnreadable", err)
	}
}
