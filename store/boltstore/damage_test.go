package boltstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// model is a store with every kind of content: a trimmed log of several pages, an entry
// larger than a page, sessions, and free pages.
type model struct {
	database, marker []byte
	entries          []store.Entry
	pageSize         int
}

func newModel(t testing.TB) model {
	t.Helper()
	path := freshPath(t)
	s := openAt(t, path)
	var sessions []store.Session
	for n := range 150 {
		expires := later()
		if n < 40 {
			expires = 1
		}
		mustAppend(t, s, numbered(n, expires))
		if n%3 != 0 {
			continue
		}
		sessions = append(sessions, store.Session{
			Issuer: "https://issuer.example", ID: fmt.Sprint(n), Subject: fmt.Sprint(n % 7),
			FirstSeen: 1, LastSeen: int64(n), Expires: expires,
		})
	}
	var many []store.Revocation
	for n := range 300 {
		many = append(many, numbered(1000+n, later()))
	}
	mustAppend(t, s, many...)
	if err := errors.Join(s.Seen(t.Context(), sessions...), s.Trim(t.Context(), time.Now())); err != nil {
		t.Fatal(err)
	}
	m := model{entries: readAll(t, s), pageSize: s.db.Info().PageSize}
	mustClose(t, s)
	m.database, m.marker = mustRead(t, path), mustRead(t, markerPath(path))
	if len(m.entries) != 111 {
		t.Fatalf("the model has %d entries, want 111", len(m.entries))
	}
	return m
}

// try opens the store on a database that was tampered with. Either Open reports damage, or
// the store holds everything and works.
func (m model) try(t *testing.T, database []byte) (refused bool) {
	t.Helper()
	path := freshPath(t)
	mustWrite(t, path, database)
	mustWrite(t, markerPath(path), m.marker)
	s, err := Open(Options{Path: path})
	if err != nil {
		if !errors.Is(err, store.ErrDamaged) && !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("Open gave %v, want ErrDamaged", err)
		}
		return true
	}
	defer mustClose(t, s)
	if !reflect.DeepEqual(readAll(t, s), m.entries) {
		t.Errorf("Open accepted a damaged file as a log of %d entries, want %d", len(readAll(t, s)), len(m.entries))
	}
	mustAppend(t, s, numbered(9999, later()))
	return false
}

// Fault: a power cut, a full disk, a bad disk or an operator's mistake changes the file.
// bbolt itself opens some of these files as an empty or an older set, and panics or faults
// on others.
func TestDamageIsRecognised(t *testing.T) {
	m := newModel(t)
	size, page := len(m.database), m.pageSize
	edit := func(change func(b []byte) []byte) []byte { return change(append([]byte(nil), m.database...)) }
	zero := func(from, to int) func([]byte) []byte {
		return func(b []byte) []byte { clear(b[from:to]); return b }
	}
	for name, database := range map[string][]byte{
		"an empty file":            {},
		"one byte":                 m.database[:1],
		"one page":                 m.database[:page],
		"the first half":           m.database[:size/2],
		"nothing but zeros":        make([]byte, size),
		"text":                     []byte("gone fishing\n"),
		"meta page 0 zeroed":       edit(zero(0, page)),
		"meta page 1 zeroed":       edit(zero(page, 2*page)),
		"both meta pages zeroed":   edit(zero(0, 2*page)),
		"one sector zeroed":        edit(zero(0, 512)),
		"meta 0 a copy of page 2":  edit(func(b []byte) []byte { copy(b, b[2*page:3*page]); return b }),
		"all but the meta zeroed":  edit(zero(2*page, size)),
		"the second half zeroed":   edit(zero(size/2/page*page, size)),
		"shifted by a byte":        edit(func(b []byte) []byte { return append([]byte{0}, b[:size-1]...) }),
		"garbage":                  edit(func(b []byte) []byte { return noise(1, len(b)) }),
		"garbage behind the metas": edit(func(b []byte) []byte { copy(b[2*page:], noise(2, size-2*page)); return b }),
	} {
		t.Run(name, func(t *testing.T) {
			if !m.try(t, database) {
				t.Error("Open accepted it")
			}
		})
	}
	if m.try(t, m.database) {
		t.Error("Open refused the file as it was written")
	}
}

// Every page of the file is damaged in each way. Damage of unused pages may pass; then
// everything is still there.
func TestDamageOfAnyPageLosesNothing(t *testing.T) {
	m := newModel(t)
	ways := map[string]func(i int, page []byte){
		"zeroed":         func(_ int, page []byte) { clear(page) },
		"garbage":        func(i int, page []byte) { copy(page, noise(i, len(page))) },
		"torn":           func(i int, page []byte) { copy(page[512:], noise(i, len(page)-512)) },
		"half zeroed":    func(_ int, page []byte) { clear(page[len(page)/2:]) },
		"another's copy": func(i int, page []byte) { copy(page, m.database[(i+1)*m.pageSize%len(m.database):]) },
	}
	refused := 0
	for name, damage := range ways {
		t.Run(name, func(t *testing.T) {
			for i := range len(m.database) / m.pageSize {
				database := append([]byte(nil), m.database...)
				damage(i, database[i*m.pageSize:(i+1)*m.pageSize])
				if m.try(t, database) {
					refused++
				} else if i < 2 && name != "half zeroed" && name != "torn" {
					t.Errorf("Open accepted a damaged meta page %d", i)
				}
			}
		})
	}
	if refused < 5*len(ways) {
		t.Errorf("Open refused %d damaged pages, want several of each kind", refused)
	}
}

func TestCutOffAnywhereLosesNothing(t *testing.T) {
	m := newModel(t)
	for size := 0; size < len(m.database); size += m.pageSize / 2 {
		m.try(t, m.database[:size])
	}
}

// noise returns bytes that look random and are the same each time.
func noise(seed, size int) []byte {
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	var b []byte
	for len(b) < size {
		b = binary.NativeEndian.AppendUint64(b, random.Uint64())
	}
	return b[:size]
}
