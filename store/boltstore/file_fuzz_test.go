package boltstore

import (
	"bytes"
	"errors"
	"hash/fnv"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// edited returns the file with changes. Each four bytes are one change: three for the
// place and one for the new value. A place in the last page of a megabyte cuts the file
// there.
func (m model) edited(edits []byte) []byte {
	database := bytes.Clone(m.database)
	for ; len(edits) >= 4; edits = edits[4:] {
		at := int(edits[0])<<16 | int(edits[1])<<8 | int(edits[2])
		switch {
		case len(database) == 0:
			return database
		case at >= 0xf00000:
			database = database[:at%len(database)]
		default:
			database[at%len(database)] = edits[3]
		}
	}
	return database
}

// resealed corrects the checksums of the meta pages, like an attacker who writes to the
// file.
func (m model) resealed(database []byte) []byte {
	for _, begin := range []int{0, m.pageSize} {
		if end := begin + pageHeader + metaSize; end <= len(database) {
			sum := fnv.New64a()
			_, _ = sum.Write(database[begin+pageHeader : end-8])
			native.PutUint64(database[end-8:], sum.Sum64())
		}
	}
	return database
}

// edit is one change.
func edit(at int, to byte) []byte { return []byte{byte(at >> 16), byte(at >> 8), byte(at), to} }

// addEdits adds changes to the headers of the pages in use.
func (m model) addEdits(f *testing.F) {
	f.Helper()
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 0xff, 0})
	f.Add([]byte{0xf0, 0x10, 0, 0})
	for page := range len(m.database) / m.pageSize {
		begin := page * m.pageSize
		f.Add(edit(begin, 0xff))             // the id
		f.Add(edit(begin+8, byte(leafPage))) // the kind
		f.Add(edit(begin+10, 1))             // the number of elements
		f.Add(edit(begin+13, 1))             // the number of overflow pages
		f.Add(edit(begin+pageHeader+8, 0xff))
		f.Add(edit(begin+pageHeader+15, 0x7f)) // the length of a value
		f.Add(edit(begin+pageHeader+48, 0))    // the number of the commit
		f.Add(append(edit(begin+pageHeader+16, byte(page+1)), edit(begin+pageHeader+40, 4)...))
	}
}

// Attack or fault: a file that was changed, by a disk or on purpose, is opened as a
// smaller set than was written, so that revoked tokens pass. A file that opens holds
// everything, and every other file is damaged. No file makes the gate crash or hang.
func FuzzOpen(f *testing.F) {
	m := newModel(f)
	m.addEdits(f)
	dir := f.TempDir()
	if shared, err := os.MkdirTemp("/dev/shm", "boltstore"); err == nil { // in memory, if the system has this directory
		f.Cleanup(func() { _ = os.RemoveAll(shared) })
		dir = shared
	}
	path := filepath.Join(dir, "revocations.db")
	f.Fuzz(func(t *testing.T, edits []byte) {
		mustWrite(t, path, m.edited(edits))
		mustWrite(t, markerPath(path), m.marker)
		s, err := Open(Options{Path: path})
		if err != nil {
			if !errors.Is(err, store.ErrDamaged) && !errors.Is(err, store.ErrUnreadable) {
				t.Errorf("Open gave %v, want ErrDamaged", err)
			}
			return
		}
		defer mustClose(t, s)
		if entries := readAll(t, s); !reflect.DeepEqual(entries, m.entries) {
			t.Errorf("Open accepted a changed file as a log of %d entries, want %d", len(entries), len(m.entries))
		}
	})
}

// The same in memory, where far more files can be tried, and also with valid checksums of
// the meta pages. Reading never panics and always ends. A file that passes holds each
// entry that its head promises.
func FuzzVerifyFile(f *testing.F) {
	m := newModel(f)
	m.addEdits(f)
	want, err := verifyBytes(m.database)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, edits []byte) {
		database := m.edited(edits)
		if got, err := verifyBytes(database); err == nil && got != want || err != nil && !isDamage(err) {
			t.Errorf("a changed file passed with the head %+v, %v; want %+v", got, err, want)
		}
		counted := &counter{}
		err := verifyFile(bytes.NewReader(m.resealed(database)), int64(len(database)), counted)
		if err == nil {
			var h head
			h, err = counted.finish()
			if err == nil && counted.entries != h.seq-h.trimmed {
				t.Errorf("a file passed with %d entries and the head %+v", counted.entries, h)
			}
		}
		if err != nil && !isDamage(err) {
			t.Errorf("verifying gave %v, want ErrDamaged", err)
		}
	})
}

func isDamage(err error) bool {
	return errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrUnreadable)
}

// counter counts the entries of the log.
type counter struct {
	contents
	entries uint64
}

func (c *counter) pair(key, value []byte) error {
	if c.buckets[len(c.buckets)-1] == bucketLog && len(key) == len(keySeal) && !bytes.Equal(key, keySeal) {
		c.entries++
	}
	return c.contents.pair(key, value)
}
