package boltstore

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/sessiongate/sessiongate/store"
)

// sessionKey is the key of a session's record. Hashing the parts with their
// lengths keeps ids opaque and keys short.
func sessionKey(issuer, id string) []byte {
	key := store.NewKey("", store.KindSession, issuer, id)
	return key[:]
}

// subjectKey returns the beginning of the index keys of a subject's sessions.
func subjectKey(issuer, subject string) []byte {
	key := store.NewKey("", store.KindSubject, issuer, subject)
	return key[:]
}

// subjectIndexKey sorts the sessions of a subject, the last seen first.
func subjectIndexKey(id []byte, session store.Session) []byte {
	key := subjectKey(session.Issuer, session.Subject)
	key = binary.BigEndian.AppendUint64(key, ^uint64(session.LastSeen))
	return append(key, id...)
}

// allSessions is the beginning of the index keys of all sessions. No subject's key is
// zero.
var allSessions = make([]byte, len(store.Key{}))

// ageIndexKey sorts all sessions, those seen longest ago first.
func ageIndexKey(id []byte, lastSeen int64) []byte {
	key := binary.BigEndian.AppendUint64(slices.Clone(allSessions), uint64(lastSeen))
	return append(key, id...)
}

// expiryIndexKey sorts all sessions by expiry, the earliest first.
func expiryIndexKey(id []byte, expires int64) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(expires)), id...)
}

// marshalSession returns the record of a session: a checksum, the three texts,
// each after its length, and the three times. Lengths and times are uvarints.
func marshalSession(session store.Session) []byte {
	value := make([]byte, sumSize, sumSize+6*binary.MaxVarintLen64+
		len(session.Issuer)+len(session.ID)+len(session.Subject))
	for _, text := range []string{session.Issuer, session.ID, session.Subject} {
		value = binary.AppendUvarint(value, uint64(len(text)))
		value = append(value, text...)
	}
	for _, t := range []int64{session.FirstSeen, session.LastSeen, session.Expires} {
		value = binary.AppendUvarint(value, uint64(t))
	}
	return sealed(value)
}

// unmarshalSession reads a record. A missing record that an index still names is
// damage, like a wrong one.
func unmarshalSession(value []byte) (session store.Session, err error) {
	rest, ok := unsealed(value)
	for _, text := range []*string{&session.Issuer, &session.ID, &session.Subject} {
		n, size := shortest(rest)
		if ok = ok && size > 0 && n <= uint64(len(rest)-size); !ok {
			break
		}
		*text, rest = string(rest[size:size+int(n)]), rest[size+int(n):]
	}
	for _, t := range []*int64{&session.FirstSeen, &session.LastSeen, &session.Expires} {
		v, size := shortest(rest)
		if ok = ok && size > 0 && v <= math.MaxInt64; !ok {
			break
		}
		*t, rest = int64(v), rest[size:]
	}
	if !ok || len(rest) != 0 {
		return store.Session{}, damagef("a session's record is damaged")
	}
	return session, nil
}

// shortest reads a uvarint, and returns how many bytes it has. The size is 0 if there
// is none, or if it is longer than necessary.
func shortest(b []byte) (v uint64, size int) {
	v, size = binary.Uvarint(b)
	if size > 1 && b[size-1] == 0 {
		return 0, 0
	}
	return v, size
}
