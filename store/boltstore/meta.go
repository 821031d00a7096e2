package boltstore

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// A meta page has, after its header,
//
//	magic 4, version 4, page size 4, flags 4, root bucket 8 + 8,
//	free list 8, pages in use 8, txid 8, checksum 8
const (
	metaMagic   = 0xED0CDAED
	metaVersion = 2
	metaSize    = 64
	minPageSize = 1 << 10
	maxPageSize = 1 << 24
	noFreelist  = 1<<64 - 1 // the free list was not written
)

// meta is a meta page, in which a commit records what the file holds. Commits write the
// two meta pages in turn; the one with the higher txid counts.
type meta struct {
	pageSize uint64
	root     uint64 // page of the root bucket
	freelist uint64 // page of the free list
	high     uint64 // the page after the last one in use
	txid     uint64
}

// parseMeta reads a meta page from its beginning. A copy of the other meta page is
// refused: it would be valid, and the previous commit.
func parseMeta(p page, id uint64) (meta, error) {
	b := p[pageHeader : pageHeader+metaSize]
	sum := fnv.New64a()
	_, _ = sum.Write(b[:metaSize-8]) // never fails
	switch {
	case p.id() != id || native.Uint32(b) != metaMagic || native.Uint32(b[4:]) != metaVersion:
		return meta{}, damagef("it is not a meta page")
	case native.Uint64(b[metaSize-8:]) != sum.Sum64():
		return meta{}, damagef("its checksum is wrong")
	}
	m := meta{
		pageSize: uint64(native.Uint32(b[8:])),
		root:     native.Uint64(b[16:]),
		freelist: native.Uint64(b[32:]),
		high:     native.Uint64(b[40:]),
		txid:     native.Uint64(b[48:]),
	}
	if m.pageSize < minPageSize || m.pageSize > maxPageSize || m.pageSize&(m.pageSize-1) != 0 {
		return meta{}, damagef("its page size is %d", m.pageSize)
	}
	return m, nil
}

// readMetas returns the meta page that counts. If only one is valid, it returns that
// one beside the error.
//
// Invariant: both meta pages are valid. If one is not, bbolt uses the other, which is
// the previous commit: an acknowledged revocation would be lost. A crash leaves no
// invalid meta page. Its 80 bytes lie at the beginning of a sector, and disks write a
// sector as a whole. So after a crash the page is the old one or the new one, and an
// invalid one is damage.
func readMetas(r io.ReaderAt, size uint64) (best meta, err error) {
	second := uint64(os.Getpagesize()) // if the first does not name its place
	for i := range uint64(2) {
		m, failed := readMeta(r, size, i*second, i)
		switch {
		case failed != nil:
			err = errors.Join(err, fmt.Errorf("meta page %d: %w", i, failed))
			continue
		case i == 0:
			second = m.pageSize
		case best.pageSize != 0 && best.pageSize != m.pageSize:
			return best, damagef("the meta pages do not agree")
		}
		if best.pageSize == 0 || m.txid > best.txid {
			best = m
		}
	}
	return best, err
}

// readMeta reads the meta page with this number at an offset.
func readMeta(r io.ReaderAt, size, at, id uint64) (meta, error) {
	var buf [pageHeader + metaSize]byte
	if at+uint64(len(buf)) > size {
		return meta{}, damagef("the file is cut off: it has %d bytes", size)
	}
	if _, err := r.ReadAt(buf[:], int64(at)); err != nil {
		return meta{}, err
	}
	return parseMeta(buf[:], id)
}
