package redisstore

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/sessiongate/sessiongate/store"
)

// A record is what an entry holds, as the one value of its one field:
//
//	version     1 byte, 2
//	generation  8 bytes, big endian
//	tag         8 bytes, big endian
//	expiry      4 bytes, big endian, Unix seconds: the latest of its revocations
//	payload     as store.MarshalRevocations writes it
//
// Its place in the stream is its number. One short value instead of four fields
// halves what a gate must read when it starts.
const (
	recordVersion    = 2
	recordGeneration = 1
	recordTag        = recordGeneration + 8
	recordExpiry     = recordTag + 8
	recordPayload    = recordExpiry + 4
)

// newRecord returns a record without its version and generation, which a script
// puts before it. The tag is random.
func newRecord(revocations []store.Revocation) ([]byte, error) {
	payload, err := store.MarshalRevocations(revocations)
	if err != nil {
		return nil, err
	}
	record := make([]byte, 0, recordPayload-recordTag+len(payload))
	record = binary.BigEndian.AppendUint64(record, rand.Uint64())
	record = binary.BigEndian.AppendUint32(record, uint32(store.Entry{Revocations: revocations}.Expires()))
	return append(record, payload...), nil
}

// parseRecord reads a record into an entry, whose sequence number it does not
// know. The entry shares no memory with it. Its errors wrap store.ErrUnreadable.
//
// Invariant: a record of a version that this gate does not know is never
// skipped, for it might revoke something.
func parseRecord(record []byte) (store.Entry, error) {
	var p parser
	if len(record) == 0 || record[0] != recordVersion {
		p.fail("a record of another version than %d", recordVersion)
		return store.Entry{}, p.err
	}
	if len(record) <= recordPayload {
		p.fail("a record of %d bytes", len(record))
		return store.Entry{}, p.err
	}
	revocations, err := store.UnmarshalRevocations(record[recordPayload:])
	if err != nil {
		return store.Entry{}, err
	}
	e := store.Entry{
		Position:    store.Position{Generation: store.Generation(binary.BigEndian.Uint64(record[recordGeneration:]))},
		Tag:         binary.BigEndian.Uint64(record[recordTag:]),
		Revocations: revocations,
	}
	if e.Position.Generation == 0 {
		p.fail("generation 0")
	}
	if expires := int64(binary.BigEndian.Uint32(record[recordExpiry:])); expires != e.Expires() {
		p.fail("expiry %d, its revocations say %d", expires, e.Expires())
	}
	return e, p.err
}
