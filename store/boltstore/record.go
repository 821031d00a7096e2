package boltstore

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

// The buckets. A file holds them in the order of their names, so that the head is read
// before the log that it describes.
const (
	bucketExpiries  = "expiries"
	bucketFamilies  = "families"
	bucketGrantEnds = "grantends"
	bucketGrants    = "grants"
	bucketHead      = "head"
	bucketLog       = "log"
	bucketSessions  = "sessions"
	bucketSubjects  = "subjects"
)

var bucketNames = []string{
	bucketExpiries, bucketFamilies, bucketGrantEnds, bucketGrants, bucketHead, bucketLog, bucketSessions, bucketSubjects,
}

// The head is kept twice, on two pages: a stale copy of either page does not agree with
// the other. The second one is the last key of the log, so it is on the page that an
// append rewrites anyway.
var (
	keyHead = []byte("log")
	keySeal = binary.BigEndian.AppendUint64(nil, math.MaxUint64)
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sumSize = crc32.Size

// head says what the log holds: the entries after trimmed up to and including
// seq, which makes seq - trimmed of them.
type head struct {
	generation   store.Generation
	trimmed, seq uint64
	tag          uint64 // of the entry seq; zero if it is not known
	clock        int64  // the store's own, in Unix seconds; zero if there is none yet
	retention    int64  // the longest retention passed to Retain, in seconds; zero before
	bounds       store.Bounds
}

// headVersion is the version of the whole format, buckets included. An entry's
// payload has a version of its own. A head of version 1 ends after seq.
const headVersion = 2

const (
	headSize      = sumSize + 1 + 10*8
	headSizeOfOne = sumSize + 1 + 3*8
)

func (h head) marshal() []byte {
	value := append(make([]byte, sumSize, headSize), headVersion)
	for _, n := range []uint64{
		uint64(h.generation), h.trimmed, h.seq, h.tag, uint64(h.clock), uint64(h.retention),
		uint64(h.bounds.Swept), uint64(h.bounds.Forgotten), uint64(h.bounds.Floor), uint64(h.bounds.Hold),
	} {
		value = binary.BigEndian.AppendUint64(value, n)
	}
	return sealed(value)
}

func unmarshalHead(value []byte) (h head, err error) {
	body, ok := unsealed(value)
	if !ok || len(body) == 0 {
		return h, damagef("the head of the log has a wrong checksum")
	}
	if body[0] != 1 && body[0] != headVersion {
		return h, fmt.Errorf("the file has format version %d, this gate knows %d: %w",
			body[0], headVersion, store.ErrUnreadable)
	}
	if size := map[byte]int{1: headSizeOfOne, headVersion: headSize}[body[0]]; len(value) != size {
		return h, damagef("the head of the log has %d bytes, want %d", len(value), size)
	}
	var n [10]uint64
	for i := range len(body) / 8 {
		n[i] = binary.BigEndian.Uint64(body[1+8*i:])
	}
	h = head{
		generation: store.Generation(n[0]), trimmed: n[1], seq: n[2], tag: n[3], clock: int64(n[4]), retention: int64(n[5]),
		bounds: store.Bounds{Swept: int64(n[6]), Forgotten: int64(n[7]), Floor: int64(n[8]), Hold: int64(n[9])},
	}
	b := h.bounds
	if h.generation == 0 || h.trimmed > h.seq || h.seq == math.MaxUint64 ||
		min(h.clock, h.retention, b.Swept, b.Forgotten, b.Floor, b.Hold) < 0 {
		return h, damagef("the head of the log is impossible")
	}
	return h, nil
}

func loadHead(tx *bolt.Tx) (head, error) {
	return unmarshalHead(tx.Bucket([]byte(bucketHead)).Get(keyHead))
}

func saveHead(tx *bolt.Tx, h head) error {
	value := h.marshal()
	if err := tx.Bucket([]byte(bucketHead)).Put(keyHead, value); err != nil {
		return err
	}
	return tx.Bucket([]byte(bucketLog)).Put(keySeal, value)
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

const entryHeaderSize = sumSize + 8

// marshalEntry returns the value under which the log keeps an entry.
func marshalEntry(at store.Position, tag uint64, payload []byte) []byte {
	value := make([]byte, sumSize, entryHeaderSize+len(payload))
	value = binary.BigEndian.AppendUint64(value, tag)
	value = append(value, payload...)
	binary.BigEndian.PutUint32(value, entrySum(at, value[sumSize:]))
	return value
}

// entrySum covers the place of an entry too. A value under another number, or from
// another generation of the file, does not pass.
func entrySum(at store.Position, body []byte) uint32 {
	var place [16]byte
	binary.BigEndian.PutUint64(place[:], uint64(at.Generation))
	binary.BigEndian.PutUint64(place[8:], at.Seq)
	return crc32.Update(crc32.Checksum(place[:], castagnoli), castagnoli, body)
}

// verifyEntry reports whether value is the entry that was written at a position.
func verifyEntry(at store.Position, value []byte) bool {
	return len(value) > entryHeaderSize && binary.BigEndian.Uint32(value) == entrySum(at, value[sumSize:])
}

func unmarshalEntry(at store.Position, value []byte) (store.Entry, error) {
	if !verifyEntry(at, value) {
		return store.Entry{}, fmt.Errorf("entry %d has a wrong checksum: %w", at.Seq, store.ErrUnreadable)
	}
	revocations, err := store.UnmarshalRevocations(value[entryHeaderSize:])
	if err != nil {
		return store.Entry{}, fmt.Errorf("entry %d: %w", at.Seq, err)
	}
	return store.Entry{Position: at, Revocations: revocations}, nil
}

// sealed puts the checksum of the rest into the first bytes of value.
func sealed(value []byte) []byte {
	binary.BigEndian.PutUint32(value, crc32.Checksum(value[sumSize:], castagnoli))
	return value
}

// unsealed returns value without its checksum, and whether that is right.
func unsealed(value []byte) ([]byte, bool) {
	if len(value) < sumSize || binary.BigEndian.Uint32(value) != crc32.Checksum(value[sumSize:], castagnoli) {
		return nil, false
	}
	return value[sumSize:], true
}
