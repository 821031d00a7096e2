package boltstore

import "encoding/binary"

// The layout of a bbolt file of version 2 (go.etcd.io/bbolt/internal/common), as far as
// needed to tell a sound file from a damaged one. Numbers are in the byte order of the
// machine. Each page begins with
//
//	id 8, flags 2, count 2, overflow 4
//
// and goes on for overflow more pages.
const (
	pageHeader    = 16
	elementSize   = 16
	bucketHeader  = 16
	bucketElement = 1 // flag of a leaf element
)

// The flags of a page say what it is.
const (
	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
)

var native = binary.NativeEndian

// page is a page with its overflow, or the part of a value that has the same layout.
// Its accessors check what they read against its length.
type page []byte

func (p page) id() uint64       { return native.Uint64(p) }
func (p page) flags() uint16    { return native.Uint16(p[8:]) }
func (p page) count() int       { return int(native.Uint16(p[10:])) }
func (p page) overflow() uint64 { return uint64(native.Uint32(p[12:])) }

// branch returns element i of a branch page:
//
//	offset from here 4, key size 4, page 8
func (p page) branch(i int) (key []byte, child uint64, err error) {
	e, at, err := p.element(i)
	if err != nil {
		return nil, 0, err
	}
	key, _, err = p.cut(at, native.Uint32(e), native.Uint32(e[4:]), 0)
	return key, native.Uint64(e[8:]), err
}

// leaf returns element i of a leaf page:
//
//	flags 4, offset from here 4, key size 4, value size 4
func (p page) leaf(i int) (key, value []byte, flags uint32, err error) {
	e, at, err := p.element(i)
	if err != nil {
		return nil, nil, 0, err
	}
	key, value, err = p.cut(at, native.Uint32(e[4:]), native.Uint32(e[8:]), native.Uint32(e[12:]))
	return key, value, native.Uint32(e), err
}

// element returns the fixed part of element i and the offset of its beginning.
func (p page) element(i int) (element []byte, at int, err error) {
	at = pageHeader + i*elementSize
	if at+elementSize > len(p) {
		return nil, 0, damagef("element %d is outside the page", i)
	}
	return p[at : at+elementSize], at, nil
}

// cut returns the key and the value of the element at an offset.
func (p page) cut(at int, offset, keySize, valueSize uint32) (key, value []byte, err error) {
	from := uint64(at) + uint64(offset)
	middle := from + uint64(keySize)
	to := middle + uint64(valueSize)
	if keySize == 0 || to > uint64(len(p)) {
		return nil, nil, damagef("an element reaches outside the page")
	}
	return p[from:middle:middle], p[middle:to:to], nil
}

// freeIDs returns the pages that a free list names.
func (p page) freeIDs() ([]byte, error) {
	n, ids := uint64(p.count()), p[pageHeader:]
	if n == 0xFFFF { // too many for the header: the first id is the count
		if len(ids) < 8 {
			return nil, damagef("the free list is cut off")
		}
		n, ids = native.Uint64(ids), ids[8:]
	}
	if n > uint64(len(ids))/8 {
		return nil, damagef("the free list names %d pages and has room for %d", n, len(ids)/8)
	}
	return ids[:n*8], nil
}
