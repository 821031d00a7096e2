package boltstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/sessiongate/sessiongate/store"
)

const (
	// scanStep is the smallest page that a file may have: where no meta page says
	// how large they are, a page begins at a multiple of it.
	scanStep = minPageSize
	// scanReach is how long a page with its overflow may be: longer than the
	// longest entry.
	scanReach = 1 << 20
	// scanSector is what is given up at once where the disk cannot be read.
	scanSector = 4 << 10
)

// scan shows every pair on every leaf page of a file, whether the page is in use,
// free, or hangs on no tree: what a file holds that cannot be walked. Most of what
// it shows is old, and some of it was never a pair; only a checksum tells. What it
// shows is valid during the call only.
func scan(r io.ReaderAt, size int64, show func(key, value []byte)) {
	buffer := make([]byte, 2*scanReach)
	for begin := int64(0); begin < size; begin += scanReach {
		window := buffer[:min(int64(len(buffer)), size-begin)]
		readSectors(r, window, begin)
		for at := 0; at < min(scanReach, len(window)); at += scanStep {
			showPage(page(window[at:min(at+scanReach, len(window))]), show)
		}
	}
}

// readSectors reads what can be read, and leaves zeros where nothing can.
func readSectors(r io.ReaderAt, window []byte, at int64) {
	if _, err := r.ReadAt(window, at); err == nil || errors.Is(err, io.EOF) {
		return
	}
	for from := 0; from < len(window); from += scanSector {
		sector := window[from:min(from+scanSector, len(window))]
		if _, err := r.ReadAt(sector, at+int64(from)); err != nil {
			clear(sector)
		}
	}
}

// showPage shows the pairs of a page, if it is a leaf, and those of the buckets
// that lie within it. An element that is not sound costs no other.
func showPage(p page, show func(key, value []byte)) {
	if len(p) < pageHeader || p.flags() != leafPage {
		return
	}
	for i := range min(p.count(), (len(p)-pageHeader)/elementSize) {
		key, value, flags, err := p.leaf(i)
		switch {
		case err != nil:
		case flags == 0:
			show(key, value)
		case flags == bucketElement && len(value) > bucketHeader && native.Uint64(value) == 0:
			showPage(page(value[bucketHeader:]), show)
		}
	}
}

// found is what was found in a file by scanning it.
type found struct {
	// newest is the head with the highest number among those of the generation.
	newest head
	// payloads are those of the entries, by sequence number.
	payloads map[uint64][]byte
	sessions map[store.Key]store.Session
	grants   map[store.Key]store.Grant
}

// scanHeads returns the newest head in a file, of a generation if that is not
// zero; the zero head if there is none.
func scanHeads(r io.ReaderAt, size int64, generation store.Generation) (newest head) {
	scan(r, size, func(key, value []byte) {
		if !bytes.Equal(key, keyHead) && !bytes.Equal(key, keySeal) {
			return
		}
		h, err := unmarshalHead(value)
		if err != nil || generation != 0 && h.generation != generation {
			return
		}
		// What is trimmed never comes back, and what was numbered never was not.
		if h.generation == newest.generation {
			newest.seq, newest.trimmed = max(newest.seq, h.seq), max(newest.trimmed, h.trimmed)
		} else if h.seq >= newest.seq {
			newest = h
		}
	})
	return newest
}

// scanEntries collects every entry of a generation, every session and every token
// that was learned, whose checksum is right.
//
// Invariant: what is found was written. The checksum of an entry covers its
// generation and number, that of a session stands under the hash of its names, and
// that of a token covers its name.
func scanEntries(r io.ReaderAt, size int64, generation store.Generation) found {
	f := found{
		newest: scanHeads(r, size, generation), payloads: make(map[uint64][]byte),
		sessions: make(map[store.Key]store.Session), grants: make(map[store.Key]store.Grant),
	}
	scan(r, size, func(key, value []byte) {
		switch len(key) {
		case len(keySeal):
			f.entry(generation, key, value)
		case len(store.Key{}):
			f.session(store.Key(key), value)
			f.grant(store.Key(key), value)
		}
	})
	return f
}

func (f *found) entry(generation store.Generation, key, value []byte) {
	at := store.Position{Generation: generation, Seq: binary.BigEndian.Uint64(key)}
	if _, err := unmarshalEntry(at, value); err == nil {
		f.payloads[at.Seq] = bytes.Clone(value[entryHeaderSize:])
	}
}

func (f *found) session(key store.Key, value []byte) {
	session, err := unmarshalSession(value)
	if err != nil || !bytes.Equal(key[:], sessionKey(session.Issuer, session.ID)) {
		return
	}
	if held, known := f.sessions[key]; !known || session.LastSeen >= held.LastSeen {
		f.sessions[key] = session
	}
}

// grant keeps what every copy of a record says, old ones too: a token never leaves
// a session that it belonged to.
func (f *found) grant(token store.Key, value []byte) {
	grant, err := unmarshalGrant(token, value)
	if err != nil {
		return
	}
	if held, known := f.grants[token]; known {
		grant = grant.After(held)
	}
	f.grants[token] = grant
}

// numbers returns the sequence numbers of the entries after one, in order.
func (f *found) numbers(after uint64) []uint64 {
	numbers := slices.Sorted(maps.Keys(f.payloads))
	from, _ := slices.BinarySearch(numbers, after+1)
	return numbers[from:]
}
