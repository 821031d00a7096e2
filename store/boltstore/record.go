package boltstore

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

// The buckets. In a file they come in the order of their names, so that the
// head is met before the log that is judged by it.
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

// olderBucketNames are those of files from before tokens were learned. They are
// given the others when they are opened.
var olderBucketNames = []string{bucketExpiries, bucketHead, bucketLog, bucketSessions, bucketSubjects}

// The head is kept twice, on two pages: a stale copy of either page does not
// agree with the other. Being the last key of the log, the second one is on the
// page that an append rewrites anyway.
var (
	keyHead = []byte("log")
	keySeal = binary.BigEndian.AppendUint64(nil, math.MaxUint64)
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sumSize = crc32.Size

// head says what the log holds: the entries after trimmed up to and including
// seq, which makes seq - trimmed of them.
type head struct {
	generation store.Generation
	trimmed    uint64
	seq        uint64
}

// headVersion is the version of the whole format, buckets included. An entry's
// payload has a version of its own.
const headVersion = 1

const headSize = sumSize + 1 + 3*8

func (h head) marshal() []byte {
	value := make([]byte, sumSize, headSize)
	value = append(value, headVersion)
	value = binary.BigEndian.AppendUint64(value, uint64(h.generation))
	value = binary.BigEndian.AppendUint64(value, h.trimmed)
	value = binary.BigEndian.AppendUint64(value, h.seq)
	return sealed(value)
}

func unmarshalHead(value []byte) (h head, err error) {
	body, ok := unsealed(value)
	if !ok || len(body) == 0 {
		return h, damagef("the head of the log has a wrong checksum")
	}
	if body[0] != headVersion {
		return h, fmt.Errorf("the file has format version %d, this gate knows %d: %w",
			body[0], headVersion, store.ErrUnreadable)
	}
	if len(value) != headSize {
		return h, damagef("the head of the log has %d bytes, want %d", len(value), headSize)
	}
	h.generation = store.Generation(binary.BigEndian.Uint64(body[1:]))
	h.trimmed = binary.BigEndian.Uint64(body[9:])
	h.seq = binary.BigEndian.Uint64(body[17:])
	if h.generation == 0 || h.trimmed > h.seq || h.seq == math.MaxUint64 {
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

// entrySum covers the place of an entry too, so that a value which turns up
// under another number, or from another life of the file, does not pass.
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
