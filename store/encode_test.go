package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

func key(kind store.Kind, value string) store.Key {
	return store.NewKey("default", kind, "https://issuer.example", value)
}

func revocations() []store.Revocation {
	return []store.Revocation{
		{Kind: store.KindSession, Key: key(store.KindSession, "s"), Expires: 1_900_000_000},
		{Kind: store.KindToken, Key: key(store.KindToken, "t"), Expires: 1<<32 - 1},
		{
			Kind: store.KindSubject, Key: key(store.KindSubject, "u"),
			NotBefore: 1_800_000_000, Except: key(store.KindSession, "kept"), Expires: 1,
		},
		{Kind: store.KindIssuer, Key: key(store.KindIssuer, ""), NotBefore: 1, Expires: 2},
	}
}

func mustMarshal(t testing.TB, revocations ...store.Revocation) []byte {
	t.Helper()
	payload, err := store.MarshalRevocations(revocations)
	if err != nil {
		t.Fatalf("MarshalRevocations: %v", err)
	}
	return payload
}

func TestPayloadComesBackAsItWas(t *testing.T) {
	got, err := store.UnmarshalRevocations(mustMarshal(t, revocations()...))
	if err != nil || !reflect.DeepEqual(got, revocations()) {
		t.Errorf("got %v, %v; want %v", got, err, revocations())
	}
}

func TestFormatOfVersionOneStaysAsItIs(t *testing.T) {
	r := revocations()[2]
	want := []byte{1, byte(store.KindSubject)}
	want = append(want, r.Key[:]...)
	want = append(want, 1)
	want = binary.AppendUvarint(want, 1_800_000_000)
	want = append(want, r.Except[:]...)
	if got := mustMarshal(t, r); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// Fault: during a rolling upgrade a newer gate writes entries that an older one does not
// know, or a disk returns other bytes than were written. If a gate treated these as
// "nothing revoked", it would admit a revoked token.
func TestWhatIsNotUnderstoodIsNeverSkipped(t *testing.T) {
	good := mustMarshal(t, revocations()[0])
	unknownKind := bytes.Clone(good)
	unknownKind[1] = 9
	noKey := append([]byte{1, 1}, make([]byte, 16)...)
	tests := map[string][]byte{
		"nothing":                  nil,
		"a version only":           {1},
		"an older version":         append([]byte{0}, good[1:]...),
		"a newer version":          append([]byte{2}, good[1:]...),
		"an unknown kind":          unknownKind,
		"cut off in the key":       good[:10],
		"cut off before expiry":    good[:18],
		"cut off in the expiry":    good[:len(good)-1],
		"half a second revocation": append(bytes.Clone(good), good[1:9]...),
		"a zero after it":          append(bytes.Clone(good), 0),
		"a zero key":               append(noKey, 5),
		"a zero expiry":            append(bytes.Clone(good[:18]), 0),
		"an expiry after 2106":     binary.AppendUvarint(bytes.Clone(good[:18]), 1<<32),
		"an expiry too long":       append(bytes.Clone(good[:18]), 0x81, 0),
		"an endless expiry":        append(bytes.Clone(good[:18]), bytes.Repeat([]byte{0xff}, 11)...),
		"a subject cut off":        mustMarshal(t, revocations()[2])[:30],
		"too many": append([]byte{1},
			bytes.Repeat(good[1:], store.MaxRevocations+1)...),
	}
	for name, payload := range tests {
		if got, err := store.UnmarshalRevocations(payload); !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("%s: got %v, %v; want ErrUnreadable", name, got, err)
		}
	}
}

func TestWhatCouldNotBeReadIsNotWritten(t *testing.T) {
	good := revocations()[0]
	change := func(change func(r *store.Revocation)) []store.Revocation {
		r := good
		change(&r)
		return []store.Revocation{r}
	}
	tests := map[string][]store.Revocation{
		"none":                  {},
		"too many":              make([]store.Revocation, store.MaxRevocations+1),
		"unknown kind":          change(func(r *store.Revocation) { r.Kind = 5 }),
		"no key":                change(func(r *store.Revocation) { r.Key = store.Key{} }),
		"no expiry":             change(func(r *store.Revocation) { r.Expires = 0 }),
		"expiry before 1970":    change(func(r *store.Revocation) { r.Expires = -1 }),
		"expiry after 2106":     change(func(r *store.Revocation) { r.Expires = 1 << 32 }),
		"session with instant":  change(func(r *store.Revocation) { r.NotBefore = 1 }),
		"session but exception": change(func(r *store.Revocation) { r.Except = good.Key }),
		"subject, no instant":   change(func(r *store.Revocation) { r.Kind = store.KindSubject }),
		"instant after 2106": change(func(r *store.Revocation) {
			r.Kind, r.NotBefore = store.KindIssuer, 1<<32
		}),
	}
	for name, revocations := range tests {
		if payload, err := store.MarshalRevocations(revocations); err == nil {
			t.Errorf("%s: written as %x", name, payload)
		}
	}
}

// Attack: someone with write access to the log crashes a gate, fills its memory, or makes
// two gates read an entry differently. A payload that can be read is the only encoding of
// its revocations. Everything else is ErrUnreadable, and another version is reported as
// such.
func FuzzUnmarshalRevocations(f *testing.F) {
	f.Add(mustMarshal(f, revocations()...))
	f.Add([]byte{1})
	f.Add([]byte{2, 1})
	f.Add(append(mustMarshal(f, revocations()[0])[:18], 0x81, 0x80, 0))
	f.Add(binary.AppendUvarint(mustMarshal(f, revocations()[3])[:18], 1<<63))
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := store.UnmarshalRevocations(payload)
		if err != nil {
			if !errors.Is(err, store.ErrUnreadable) {
				t.Fatalf("error %v does not wrap ErrUnreadable", err)
			}
			if other := len(payload) > 0 && payload[0] != 1; other != strings.Contains(err.Error(), "version") {
				t.Errorf("version %d: %v", payload[0], err)
			}
			return
		}
		if again := mustMarshal(t, got...); !bytes.Equal(again, payload) {
			t.Errorf("%x is read as %v, which is written as %x", payload, got, again)
		}
		// A revocation takes at least 18 bytes in the payload, and 56 in memory.
		if cap(got) > 2*len(payload)/18+8 {
			t.Errorf("room for %d revocations was made for %d bytes", cap(got), len(payload))
		}
	})
}
