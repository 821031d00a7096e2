package boltstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// pageAt returns a page of a file in memory.
func (m model) pageAt(database []byte, id uint64) page {
	return page(database[id*uint64(m.pageSize) : (id+1)*uint64(m.pageSize)])
}

// find returns the first matching page that the newest commit uses.
func (m model) find(t *testing.T, wanted func(p page) bool) uint64 {
	t.Helper()
	meta, err := readMetas(bytes.NewReader(m.database), uint64(len(m.database)))
	if err != nil {
		t.Fatal(err)
	}
	free, err := m.pageAt(m.database, meta.freelist).freeIDs()
	if err != nil {
		t.Fatal(err)
	}
	isFree := map[uint64]bool{}
	for ; len(free) > 0; free = free[8:] {
		isFree[native.Uint64(free)] = true
	}
	for id := uint64(2); id < meta.high; id++ {
		if p := m.pageAt(m.database, id); !isFree[id] && p.id() == id && wanted(p) {
			return id
		}
	}
	t.Fatal("the model has no such page")
	return 0
}

// Damage that leaves every page valid by itself. bbolt would open each of these
// files, and lose or overwrite entries later.
func TestPagesThatDoNotFitTogether(t *testing.T) {
	m := newModel(t)
	ofLog := func(p page) bool { // no other bucket has keys of this size
		return p.flags() == leafPage && native.Uint32(p[pageHeader+8:]) == 8 ||
			p.flags() == branchPage && native.Uint32(p[pageHeader+4:]) == 8
	}
	branch := m.find(t, func(p page) bool { return ofLog(p) && p.flags() == branchPage })
	leaf := m.find(t, func(p page) bool { return ofLog(p) && p.flags() == leafPage && p.count() > 10 })
	records := m.find(t, func(p page) bool { // of the sessions
		return p.flags() == leafPage && p.count() > 2 && native.Uint32(p[pageHeader+8:]) == uint32(len(store.Key{}))
	})
	list := m.find(t, func(p page) bool { return p.flags() == freelistPage && p.count() > 2 })
	element := func(p page, i int) []byte { return p[pageHeader+i*elementSize:] }
	for name, change := range map[string]func(p func(id uint64) page){
		"a page of the log on the free list": func(p func(uint64) page) {
			native.PutUint64(p(list)[pageHeader:], leaf)
		},
		"a page twice on the free list": func(p func(uint64) page) {
			copy(p(list)[pageHeader:], p(list)[pageHeader+8:pageHeader+16])
		},
		"a meta page on the free list": func(p func(uint64) page) {
			native.PutUint64(p(list)[pageHeader:], 1)
		},
		"a free list that reaches outside the file": func(p func(uint64) page) {
			native.PutUint64(p(list)[pageHeader:], 1<<40)
		},
		"a free list that is too long": func(p func(uint64) page) {
			native.PutUint16(p(list)[10:], 0xFFFF)
			native.PutUint64(p(list)[pageHeader:], 1<<61)
		},
		"two branches to one page": func(p func(uint64) page) {
			copy(element(p(branch), 1)[8:16], element(p(branch), 0)[8:16])
		},
		"a page with the id of another": func(p func(uint64) page) {
			native.PutUint64(p(leaf), leaf+1)
		},
		"a branch to itself": func(p func(uint64) page) {
			native.PutUint64(element(p(branch), 0)[8:], branch)
		},
		"a branch to nowhere": func(p func(uint64) page) {
			native.PutUint64(element(p(branch), 1)[8:], 1<<63)
		},
		"a branch with fewer children": func(p func(uint64) page) {
			native.PutUint16(p(branch)[10:], uint16(p(branch).count()-1))
		},
		"a branch without children": func(p func(uint64) page) {
			native.PutUint16(p(branch)[10:], 0)
		},
		"a leaf with fewer elements": func(p func(uint64) page) {
			native.PutUint16(p(leaf)[10:], uint16(p(leaf).count()-1))
		},
		"a leaf with more elements than fit": func(p func(uint64) page) {
			native.PutUint16(p(leaf)[10:], 0xFFFF)
		},
		"a value that reaches outside its page": func(p func(uint64) page) {
			native.PutUint32(element(p(leaf), 3)[12:], 1<<31)
		},
		"an entry under the key of another": func(p func(uint64) page) {
			key, _, _, _ := p(leaf).leaf(4)
			binary.BigEndian.PutUint64(key, binary.BigEndian.Uint64(key)+1)
		},
		"two keys out of order": func(p func(uint64) page) {
			first, _, _, _ := p(records).leaf(0)
			second, _, _, _ := p(records).leaf(1)
			first[0], second[0] = second[0]+1, first[0]
		},
		"a branch that leads past its first keys": func(p func(uint64) page) {
			key, _, _ := p(branch).branch(1)
			binary.BigEndian.PutUint64(key, binary.BigEndian.Uint64(key)+1)
		},
		"a bucket inside a bucket": func(p func(uint64) page) {
			native.PutUint32(element(p(leaf), 3), bucketElement)
		},
		"a page that overlaps its neighbours": func(p func(uint64) page) {
			native.PutUint32(p(leaf)[12:], 3)
		},
		"a page that continues beyond the file": func(p func(uint64) page) {
			native.PutUint32(p(leaf)[12:], 1<<31)
		},
	} {
		t.Run(name, func(t *testing.T) {
			database := bytes.Clone(m.database)
			change(func(id uint64) page { return m.pageAt(database, id) })
			if _, err := verifyBytes(database); !errors.Is(err, store.ErrDamaged) {
				t.Errorf("verifying gave %v, want ErrDamaged", err)
			}
		})
	}
}

// A disk that cannot be read is a failure, not damage: a repair would not help.
func TestUnreadableDiskIsNotDamage(t *testing.T) {
	m := newModel(t)
	for after := range 8 {
		r := &failing{Reader: bytes.NewReader(m.database), after: after}
		var c contents
		if err := verifyFile(r, int64(len(m.database)), &c); !errors.Is(err, errDisk) || errors.Is(err, store.ErrDamaged) {
			t.Errorf("after %d reads, verifying gave %v, want the disk's error", after, err)
		}
	}
}

var errDisk = errors.New("input/output error")

type failing struct {
	*bytes.Reader
	after int
}

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	if f.after--; f.after < 0 {
		return 0, errDisk
	}
	return f.Reader.ReadAt(p, off)
}
