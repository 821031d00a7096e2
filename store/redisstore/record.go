package redisstore

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/sessiongate/sessiongate/store"
)

// A record is the content of an entry, as the one value of its one field:
//
//	version     1 byte, 3
//	generation  8 bytes, big endian
//	previous    8 bytes, big endian: the tag of the entry before, zero for the
//	            first of a generation
//	tag         8 bytes, big endian, never zero
//	expiry      4 bytes, big endian, Unix seconds: the latest of its revocations
//	payload     as store.MarshalRevocations writes it
//
// Its number is its place in the stream. One short value instead of four fields halves
// what a gate must read when it starts. Version 2 lacks previous.
const (
	recordVersion = 3
	oldVersion    = 2
	// recordBegin and recordRest are two lengths: of the part before the tag without
	// previous, and of tag and expiry.
	recordBegin = 1 + 8
	recordRest  = 8 + 4
)

// newRecord returns a record from its tag on. A script adds the part before it. The tag
// is random.
func newRecord(revocations []store.Revocation) ([]byte, error) {
	payload, err := store.MarshalRevocations(revocations)
	if err != nil {
		return nil, err
	}
	record := make([]byte, 0, recordRest+len(payload))
	record = binary.BigEndian.AppendUint64(record, max(rand.Uint64(), 1))
	record = binary.BigEndian.AppendUint32(record, uint32(store.Entry{Revocations: revocations}.Expires()))
	return append(record, payload...), nil
}

// parseRecord reads a record into an entry, whose sequence number it does not
// know. The entry shares no memory with it. Its errors wrap store.ErrUnreadable.
//
// Invariant: a record of a version that this gate does not know is never skipped,
// because it might revoke something.
func parseRecord(record []byte) (entry, error) {
	var p parser
	if len(record) == 0 || record[0] != recordVersion && record[0] != oldVersion {
		p.fail("a record of another version than %d or %d", recordVersion, oldVersion)
		return entry{}, p.err
	}
	least := recordBegin + recordRest
	if record[0] == recordVersion {
		least += 8
	}
	if len(record) <= least {
		p.fail("a record of %d bytes", len(record))
		return entry{}, p.err
	}
	rest := record[least-recordRest:]
	revocations, err := store.UnmarshalRevocations(rest[recordRest:])
	if err != nil {
		return entry{}, err
	}
	e := entry{Entry: store.Entry{
		Position: store.Position{
			Generation: store.Generation(binary.BigEndian.Uint64(record[1:])),
			Tag:        binary.BigEndian.Uint64(rest),
		},
		Revocations: revocations,
	}}
	if record[0] == recordVersion {
		e.previous = binary.BigEndian.Uint64(record[recordBegin:])
	}
	if e.Position.Generation == 0 {
		p.fail("generation 0")
	}
	if expires := int64(binary.BigEndian.Uint32(rest[8:])); expires != e.Expires() {
		p.fail("expiry %d, its revocations say %d", expires, e.Expires())
	}
	return e, p.err
}
