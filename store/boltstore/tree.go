package boltstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxDepth is far beyond the depth of any tree that fits on a disk: with two
// keys on a page, 2^60 pages.
const maxDepth = 60

// visitor receives what a bbolt file holds, in order. The arguments are valid during
// the call only.
type visitor interface {
	bucket(name string) error
	pair(key, value []byte) error
}

// boltFile is a bbolt file that is read page by page, never mapped. So reading can
// neither fault nor panic, whatever is on the pages.
type boltFile struct {
	meta
	lenient bool // skip damaged parts, and go on with the rest
	r       io.ReaderAt
	claimed []uint64 // a bit for each page that is already in use
	buffers [][]byte // one for each depth
}

// verifyFile checks that a bbolt file of this size is whole, and shows the visitor what
// it holds. It checks both meta pages, every page that is in use and the order of the
// keys. No page may be used twice, or be both used and free.
func verifyFile(r io.ReaderAt, size int64, v visitor) error {
	m, err := readMetas(r, uint64(size))
	if err != nil {
		return err
	}
	if m.high < 4 || m.high > uint64(size)/m.pageSize {
		return damagef("the file is cut off: it has %d bytes, and %d pages of %d in use", size, m.high, m.pageSize)
	}
	f := newBoltFile(r, m)
	if err := f.claimFree(); err != nil {
		return err
	}
	return f.walk(place{page: m.root}, v)
}

// salvageFile shows the visitor what it can reach in a damaged file. A damaged page
// also costs the pages below it. The error is that of the meta pages: then the visitor
// may have seen the commit before the last.
func salvageFile(r io.ReaderAt, size int64, v visitor) error {
	m, err := readMetas(r, uint64(size))
	if m.pageSize == 0 {
		return err
	}
	m.high = max(2, min(m.high, uint64(size)/m.pageSize))
	f := newBoltFile(r, m)
	f.lenient = true
	return errors.Join(err, f.walk(place{page: m.root}, v))
}

func newBoltFile(r io.ReaderAt, m meta) *boltFile {
	f := &boltFile{meta: m, r: r, claimed: make([]uint64, m.high/64+1)}
	f.claimed[0] = 0b11 // the meta pages
	return f
}

// claimFree claims the free list and the pages on it.
func (f *boltFile) claimFree() error {
	if f.freelist == noFreelist {
		return nil // bbolt then finds the free pages by itself
	}
	p, err := f.read(f.freelist, 0)
	if err != nil {
		return err
	}
	if p.flags() != freelistPage {
		return damagef("page %d is not a free list", f.freelist)
	}
	ids, err := p.freeIDs()
	if err != nil {
		return err
	}
	for ; len(ids) > 0; ids = ids[8:] {
		if err := f.claim(native.Uint64(ids), 1); err != nil {
			return err
		}
	}
	return nil
}

// claim notes that n pages from id on are in use.
func (f *boltFile) claim(id, n uint64) error {
	if id >= f.high || n > f.high-id {
		return damagef("page %d is outside the file", id)
	}
	for end := id + n; id < end; id++ {
		word, bit := &f.claimed[id/64], uint64(1)<<(id%64)
		if *word&bit != 0 {
			return damagef("page %d is used twice, or used and free", id)
		}
		*word |= bit
	}
	return nil
}

// read reads and claims a page. It stays valid until the next page of that
// depth is read.
func (f *boltFile) read(id uint64, depth int) (page, error) {
	if id >= f.high {
		return nil, damagef("page %d is outside the file", id)
	}
	if depth == len(f.buffers) {
		f.buffers = append(f.buffers, make([]byte, f.pageSize))
	}
	p := page(f.buffers[depth][:f.pageSize])
	if _, err := f.r.ReadAt(p, int64(id*f.pageSize)); err != nil {
		return nil, fmt.Errorf("reading page %d: %w", id, err)
	}
	if p.id() != id {
		return nil, damagef("page %d holds another page", id)
	}
	pages := p.overflow() + 1
	if err := f.claim(id, pages); err != nil || pages == 1 {
		return p, err
	}
	whole := make(page, pages*f.pageSize)
	if _, err := f.r.ReadAt(whole, int64(id*f.pageSize)); err != nil {
		return nil, fmt.Errorf("reading page %d: %w", id, err)
	}
	return whole, nil
}

// place is the position of a page in the trees.
type place struct {
	page   uint64
	depth  int
	inside bool   // of a bucket, not of the root that holds the buckets
	from   []byte // no key is before it; nil for no bound
	until  []byte // every key is before it; nil for no bound
}

// within reports whether key follows previous, which is nil for the first key of a
// page, and belongs on this page.
func (at place) within(key, previous []byte) bool {
	return (previous == nil || bytes.Compare(previous, key) < 0) &&
		(previous != nil || bytes.Compare(at.from, key) <= 0) &&
		(at.until == nil || bytes.Compare(key, at.until) < 0)
}

func (f *boltFile) walk(at place, v visitor) error {
	return f.bear(f.walkPage(at, v))
}

// bear returns the error of a damaged part of the tree, or nil if the rest is to be read
// anyway.
func (f *boltFile) bear(err error) error {
	if f.lenient {
		return nil
	}
	return err
}

func (f *boltFile) walkPage(at place, v visitor) error {
	if at.depth == maxDepth {
		return damagef("the tree is too deep at page %d", at.page)
	}
	p, err := f.read(at.page, at.depth)
	if err != nil {
		return err
	}
	switch p.flags() {
	case branchPage:
		return f.walkBranch(at, p, v)
	case leafPage:
		return f.walkLeaf(at, p, v)
	default:
		return damagef("page %d is neither branch nor leaf", at.page)
	}
}

func (f *boltFile) walkBranch(at place, p page, v visitor) error {
	if p.count() == 0 {
		return damagef("page %d has no children", at.page)
	}
	var previous []byte
	for i := range p.count() {
		key, child, err := p.branch(i)
		if err != nil {
			return fmt.Errorf("page %d: %w", at.page, err)
		}
		if !at.within(key, previous) {
			return damagef("page %d is out of order", at.page)
		}
		below := place{page: child, depth: at.depth + 1, inside: at.inside, from: key, until: at.until}
		if i+1 < p.count() {
			if below.until, _, err = p.branch(i + 1); err != nil {
				return fmt.Errorf("page %d: %w", at.page, err)
			}
		}
		if err := f.walk(below, v); err != nil {
			return err
		}
		previous = key
	}
	return nil
}

func (f *boltFile) walkLeaf(at place, p page, v visitor) error {
	var previous []byte
	for i := range p.count() {
		key, value, flags, err := p.leaf(i)
		if err != nil {
			return fmt.Errorf("page %d: %w", at.page, err)
		}
		if !at.within(key, previous) || (flags == bucketElement) == at.inside || flags > bucketElement {
			return damagef("page %d is out of order", at.page)
		}
		if at.inside {
			err = v.pair(key, value)
		} else {
			err = f.bear(f.walkBucket(at, string(key), value, v))
		}
		if err != nil {
			return err
		}
		previous = key
	}
	return nil
}

// walkBucket walks a bucket from its header, which is
//
//	root page 8, counter 8
//
// and where the root page is zero the bucket's only page follows.
func (f *boltFile) walkBucket(at place, name string, value []byte, v visitor) error {
	if len(value) < bucketHeader {
		return damagef("bucket %q is cut off", name)
	}
	if err := v.bucket(name); err != nil {
		return err
	}
	below := place{page: native.Uint64(value), depth: at.depth + 1, inside: true}
	if below.page != 0 {
		return f.walk(below, v)
	}
	inline := page(value[bucketHeader:])
	if len(inline) < pageHeader || inline.flags() != leafPage || inline.id() != 0 {
		return damagef("bucket %q is cut off", name)
	}
	return f.walkLeaf(below, inline, v)
}
