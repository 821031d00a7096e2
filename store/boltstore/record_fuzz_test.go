package boltstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// Attack: a value in the file makes the gate crash or fill its memory, or is read as
// another value than was written. The checksum is right, because an attacker who writes
// the file can compute it. A value that can be read is the only encoding of its content;
// everything else is refused.
func FuzzRecord(f *testing.F) {
	payload, err := store.MarshalRevocations([]store.Revocation{numbered(1, 100), numbered(2, 300)})
	if err != nil {
		f.Fatal(err)
	}
	newer := numbered(3, 300)
	newer.NotBefore, newer.Origin = 200, store.Origin{Source: store.SourceAdmin, Reason: "why", Made: 100}
	second, err := store.MarshalRevocations([]store.Revocation{newer, numbered(1, 100)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(make([]byte, 8), second...))
	session := marshalSession(store.Session{Issuer: "https://a.example", ID: "s", Subject: "alice", FirstSeen: 1, LastSeen: 2, Expires: 300})
	f.Add(append(make([]byte, 8), payload...))
	f.Add(append(make([]byte, 8), 2, 1))
	f.Add(session[sumSize:])
	f.Add(append(session[sumSize:len(session)-1:len(session)-1], session[len(session)-1]|0x80, 0))
	f.Add(binary.AppendUvarint(nil, 1<<31))
	f.Add(append(binary.AppendUvarint([]byte{0, 0, 0}, 1<<63), 1, 0x81, 0))
	f.Add(head{generation: 1, trimmed: 2, seq: 3}.marshal()[sumSize:])
	f.Add(append([]byte{1}, head{generation: 1, trimmed: 2, seq: 3}.marshal()[sumSize+1:headSizeOfOne]...))
	f.Add(head{generation: 1, trimmed: 4, seq: 3}.marshal()[sumSize:])
	f.Add(marshalGrant(learned("t", 300, "f1", "f2"))[sumSize:])
	f.Fuzz(func(t *testing.T, body []byte) {
		wantEntry(t, body)
		wantSession(t, body)
		wantHead(t, body)
		wantGrant(t, body)
	})
}

func wantGrant(t *testing.T, body []byte) {
	t.Helper()
	value := sealed(append(make([]byte, sumSize), body...))
	var token store.Key
	copy(token[:], value[min(len(value), sumSize):])
	grant, err := unmarshalGrant(token, value)
	if err == nil && !bytes.Equal(marshalGrant(grant), value) {
		t.Errorf("%x is read as %+v, which is written as %x", value, grant, marshalGrant(grant))
	}
	if err != nil && !errors.Is(err, store.ErrDamaged) {
		t.Errorf("%x: %v, want ErrDamaged", value, err)
	}
}

func wantEntry(t *testing.T, body []byte) {
	t.Helper()
	at := store.Position{Generation: 7, Seq: 9}
	value := append(make([]byte, sumSize), body...)
	binary.BigEndian.PutUint32(value, entrySum(at, body))
	e, err := unmarshalEntry(at, value)
	if err != nil {
		if !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("an entry of %x: %v, want ErrUnreadable", body, err)
		}
		return
	}
	payload, err := store.MarshalRevocations(e.Revocations)
	if again := marshalEntry(at, binary.BigEndian.Uint64(body), payload); err != nil || !bytes.Equal(again, value) {
		t.Errorf("%x is read as %+v, which is written as %x, %v", value, e, again, err)
	}
	for _, other := range []store.Position{{Generation: 8, Seq: 9}, {Generation: 7, Seq: 10}} {
		if verifyEntry(other, value) {
			t.Errorf("the entry at %v passes at %v", at, other)
		}
	}
}

func wantSession(t *testing.T, body []byte) {
	t.Helper()
	value := sealed(append(make([]byte, sumSize), body...))
	session, err := unmarshalSession(value)
	if err != nil {
		if !errors.Is(err, store.ErrDamaged) || session != (store.Session{}) {
			t.Errorf("a session of %x: %+v, %v, want ErrDamaged", body, session, err)
		}
		return
	}
	if again := marshalSession(session); !bytes.Equal(again, value) {
		t.Errorf("%x is read as %+v, which is written as %x", value, session, again)
	}
}

func wantHead(t *testing.T, body []byte) {
	t.Helper()
	value := sealed(append(make([]byte, sumSize), body...))
	h, err := unmarshalHead(value)
	if err != nil {
		newer := len(body) > 0 && body[0] != headVersion && body[0] != 1
		if errors.Is(err, store.ErrUnreadable) != newer || errors.Is(err, store.ErrDamaged) == newer {
			t.Errorf("a head of %x: %v, of another version: %t", body, err, newer)
		}
		return
	}
	if again := h.marshal(); body[0] == headVersion && !bytes.Equal(again, value) || !bytes.Equal(again[sumSize+1:len(value)], value[sumSize+1:]) || h.generation == 0 || h.trimmed > h.seq || h.seq == math.MaxUint64 {
		t.Errorf("%x is read as %+v, which is written as %x", value, h, again)
	}
}
