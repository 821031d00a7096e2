package boltstore

import (
	"bytes"
	"fmt"
	"io"
)

// certainHead returns the head of a file in which both copies can be reached from
// the meta pages, and agree. Only that one says where the log ends: any other may
// be that of an earlier commit.
func certainHead(r io.ReaderAt, size int64) (head, error) {
	m, err := readMetas(r, uint64(size))
	if err != nil {
		return head{}, err
	}
	m.high = min(m.high, uint64(size)/m.pageSize)
	var copies [2]head
	for i, at := range []struct {
		bucket string
		key    []byte
	}{{bucketHead, keyHead}, {bucketLog, keySeal}} {
		f := &boltFile{meta: m, r: r, claimed: make([]uint64, m.high/64+1)}
		value, err := f.seek(m.root, []byte(at.bucket), at.key)
		if err != nil {
			return head{}, err
		}
		if copies[i], err = unmarshalHead(value); err != nil {
			return head{}, err
		}
	}
	if copies[0] != copies[1] {
		return head{}, damagef("the two copies of the log's head do not agree")
	}
	return copies[0], nil
}

// seek follows a path of keys, each in the bucket of the one before, and returns
// the value of the last.
func (f *boltFile) seek(root uint64, path ...[]byte) ([]byte, error) {
	p, err := f.read(root, 0)
	for depth := 1; err == nil && depth < maxDepth; depth++ {
		if p.flags() == branchPage {
			var child uint64
			if child, err = p.childOf(path[0]); err == nil {
				p, err = f.read(child, depth)
			}
			continue
		}
		var value []byte
		if value, err = p.valueOf(path[0]); err != nil || len(path) == 1 {
			return value, err
		}
		if p, err = f.bucketIn(value, depth); err == nil {
			path = path[1:]
		}
	}
	if err == nil {
		err = damagef("the tree is too deep at page %d", root)
	}
	return nil, err
}

// bucketIn is the root page of a bucket from its header.
func (f *boltFile) bucketIn(value []byte, depth int) (page, error) {
	if len(value) < bucketHeader {
		return nil, damagef("a bucket is cut off")
	}
	if root := native.Uint64(value); root != 0 {
		return f.read(root, depth)
	}
	inline := page(value[bucketHeader:])
	if len(inline) < pageHeader || inline.flags() != leafPage {
		return nil, damagef("a bucket is cut off")
	}
	return inline, nil
}

// childOf is the page where a key hangs below a branch.
func (p page) childOf(key []byte) (child uint64, err error) {
	for i := range p.count() {
		first, at, err := p.branch(i)
		if err != nil {
			return 0, err
		}
		if i > 0 && bytes.Compare(first, key) > 0 {
			break
		}
		child = at
	}
	return child, nil
}

// valueOf is the value of a key on a leaf.
func (p page) valueOf(key []byte) ([]byte, error) {
	if p.flags() != leafPage {
		return nil, damagef("a page is not a leaf")
	}
	for i := range p.count() {
		name, value, _, err := p.leaf(i)
		if err != nil {
			return nil, fmt.Errorf("seeking %q: %w", key, err)
		}
		if bytes.Equal(name, key) {
			return value, nil
		}
	}
	return nil, damagef("%q is missing", key)
}
