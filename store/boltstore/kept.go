package boltstore

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/sessiongate/sessiongate/store"
)

// kept is what a visitor keeps of a damaged file.
//
// Invariant: what is kept was written. The checksum of an entry covers its
// generation and number, and that of a token covers its name.
type kept struct {
	now        string            // the bucket that is shown
	head, seal head              // the two copies, zero if not found
	values     map[uint64][]byte // the entries, by sequence number
	grants     []store.Grant
}

func (k *kept) bucket(name string) error {
	k.now = name
	return nil
}

func (k *kept) pair(key, value []byte) error {
	switch {
	case k.now == bucketHead && bytes.Equal(key, keyHead):
		k.head, _ = unmarshalHead(value)
	case k.now == bucketLog && bytes.Equal(key, keySeal):
		k.seal, _ = unmarshalHead(value)
	case k.now == bucketLog && len(key) == len(keySeal):
		k.values[binary.BigEndian.Uint64(key)] = bytes.Clone(value)
	case k.now == bucketGrants && len(key) == len(store.Key{}):
		if grant, err := unmarshalGrant(store.Key(key), value); err == nil {
			k.grants = append(k.grants, grant)
		}
	}
	return nil
}

// newest is the head that knows most. It is certain if both copies agree.
func (k *kept) newest() (newest head, certain bool) {
	if k.seal.seq > k.head.seq {
		return k.seal, false
	}
	return k.head, k.head == k.seal && k.head.generation != 0
}

// read leaves the entries that are sound and that a head does not call trimmed. It
// returns how many revocations they hold, and the last sequence number.
func (k *kept) read(h head) (revocations int, last uint64) {
	for seq, value := range k.values {
		entry, err := unmarshalEntry(store.Position{Generation: h.generation, Seq: seq}, value)
		if err != nil || seq <= h.trimmed {
			delete(k.values, seq)
			continue
		}
		revocations, last = revocations+len(entry.Revocations), max(last, seq)
	}
	return revocations, last
}

// numbers are the sequence numbers of the entries, in order.
func (k *kept) numbers() []uint64 { return slices.Sorted(maps.Keys(k.values)) }
