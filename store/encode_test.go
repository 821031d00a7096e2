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

// newer returns revocations that only format 2 can say.
func newer() []store.Revocation {
	operator := store.Origin{Source: store.SourceAdmin, Reason: "laptop stolen · ticket 7", Made: 1_800_000_000}
	return []store.Revocation{
		{Kind: store.KindSession, Key: key(store.KindSession, "s"), NotBefore: 1_800_000_000, Expires: 1_900_000_000},
		{Kind: store.KindSession, Key: key(store.KindSession, "t"), NotBefore: 1<<32 - 2, Expires: 1_900_000_000, Origin: operator},
		{Kind: store.KindToken, Key: key(store.KindToken, "u"), Expires: 1, Origin: operator},
		{
			Kind: store.KindSubject, Key: key(store.KindSubject, "v"), NotBefore: 7, Except: key(store.KindSession, "kept"), Expires: 8,
			Origin: store.Origin{Source: 200},
		},
		{Kind: store.KindSession, Key: key(store.KindSession, "w"), Expires: 9},
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
	for _, want := range [][]store.Revocation{revocations(), newer(), newer()[1:], newer()[3:]} {
		got, err := store.UnmarshalRevocations(mustMarshal(t, want...))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, %v; want %v", got, err, want)
		}
	}
}

func TestFormatOfVersionTwoStaysAsItIs(t *testing.T) {
	r := newer()[1]
	want := []byte{2, 0, 3}
	want = binary.AppendUvarint(want, 1_800_000_000)
	want = append(append(want, byte(len(r.Reason))), r.Reason...)
	want = append(append(want, 0x81), r.Key[:]...)
	want = binary.AppendUvarint(want, 1_900_000_000)
	want = binary.AppendUvarint(want, 1<<32-2)
	if got := mustMarshal(t, r); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// Fault: a gate of the older version lives, and reads format 1 alone. It gets the same
// revocations, a session by instant for good: that refuses more tokens and never fewer.
func TestFormatOneRevokesNoLess(t *testing.T) {
	var ones []store.Revocation
	for i, r := range newer() {
		one := r.In(1)
		if same := r.In(2); same != r {
			t.Errorf("%d: in format 2 it is %v, want %v", i, same, r)
		}
		want := store.Revocation{Kind: r.Kind, Key: r.Key, NotBefore: r.NotBefore, Except: r.Except, Expires: r.Expires}
		if r.Kind == store.KindSession {
			want.NotBefore = 0
		}
		if one != want {
			t.Errorf("%d: in format 1 it is %v, want %v", i, one, want)
		}
		ones = append(ones, one)
	}
	if payload := mustMarshal(t, ones...); payload[0] != 1 {
		t.Errorf("they are written in format %d, want 1", payload[0])
	}
}

// Attack: fill the memory of Redis and of every gate by reasons of the greatest length.
func TestTheReasonsOfAnEntryAreBounded(t *testing.T) {
	with := func(n int, reason func(i int) string) (all []store.Revocation) {
		for i := range n {
			r := revocations()[0]
			r.Reason = reason(i)
			all = append(all, r)
		}
		return all
	}
	long := strings.Repeat("x", store.MaxReason)
	same := with(store.MaxRevocations+1, func(int) string { return long })
	own := with(1000, func(i int) string { return strings.Repeat("x", store.MaxReason-1) + string(rune('a'+i%2)) })
	for name, c := range map[string]struct {
		revocations []store.Revocation
		want        int
	}{
		"one reason":      {same, store.MaxRevocations},
		"each its own":    {own, store.MaxReasons / store.MaxReason},
		"a few":           {own[:3], 3},
		"none":            {nil, 0},
		"without reasons": {revocations(), len(revocations())},
	} {
		n := store.Fit(c.revocations)
		if n != c.want {
			t.Errorf("%s: %d fit, want %d", name, n, c.want)
			continue
		}
		if n > 0 {
			mustMarshal(t, c.revocations[:n]...)
		}
		if n == len(c.revocations) {
			continue
		}
		if _, err := store.MarshalRevocations(c.revocations[:n+1]); err == nil {
			t.Errorf("%s: an entry holds one more than fit", name)
		}
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
	upTo, told := mustMarshal(t, newer()[0]), mustMarshal(t, newer()[2])
	noKey := append([]byte{1, 1}, make([]byte, 16)...)
	tests := map[string][]byte{
		"nothing":                         nil,
		"a version only":                  {1},
		"an older version":                append([]byte{0}, good[1:]...),
		"a newer version":                 append([]byte{3}, good[1:]...),
		"a version that it does not need": append([]byte{2}, good[1:]...),
		"an unknown kind":                 unknownKind,
		"cut off in the key":              good[:10],
		"cut off before expiry":           good[:18],
		"cut off in the expiry":           good[:len(good)-1],
		"half a second revocation":        append(bytes.Clone(good), good[1:9]...),
		"a zero after it":                 append(bytes.Clone(good), 0),
		"a zero key":                      append(noKey, 5),
		"a zero expiry":                   append(bytes.Clone(good[:18]), 0),
		"an expiry after 2106":            binary.AppendUvarint(bytes.Clone(good[:18]), 1<<32),
		"an expiry too long":              append(bytes.Clone(good[:18]), 0x81, 0),
		"an endless expiry":               append(bytes.Clone(good[:18]), bytes.Repeat([]byte{0xff}, 11)...),
		"a subject cut off":               mustMarshal(t, revocations()[2])[:30],
		"too many": append([]byte{1},
			bytes.Repeat(good[1:], store.MaxRevocations+1)...),
		"an instant in version 1":   append([]byte{1}, upTo[1:]...),
		"an origin in version 1":    append([]byte{1}, told[1:]...),
		"no instant":                append(bytes.Clone(upTo[:23]), 0),
		"an instant for good":       binary.AppendUvarint(bytes.Clone(upTo[:23]), 1<<32-1),
		"cut off in the instant":    upTo[:len(upTo)-1],
		"an origin alone":           append(bytes.Clone(upTo), 0, 1, 0, 0),
		"a source alone":            append(bytes.Clone(upTo), 0, 1),
		"a kind alone":              append(bytes.Clone(upTo), 0),
		"an origin twice":           append([]byte{2, 0, 0, 0, 0}, told[1:]...),
		"one origin after another":  append([]byte{2, 0, 1, 0, 0}, told[1:]...),
		"an origin again":           append(bytes.Clone(told), told[1:]...),
		"an origin of the future":   append([]byte{2, 0, 1, 0x80, 0x80, 0x80, 0x80, 0x10, 0}, good[1:]...),
		"a reason cut off":          {2, 0, 1, 0, 9, 'x'},
		"a reason without a length": {2, 0, 1, 0},
		"a reason too long":         append(append([]byte{2, 0, 1, 0, 0x81, 2}, bytes.Repeat([]byte("x"), 257)...), good[1:]...),
		"a reason of two lines":     append([]byte{2, 0, 1, 0, 3, 'a', '\n', 'b'}, good[1:]...),
		"a reason that is no text":  append([]byte{2, 0, 1, 0, 1, 0xff}, good[1:]...),
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
		"token with instant":    change(func(r *store.Revocation) { r.Kind, r.NotBefore = store.KindToken, 1 }),
		"session before 1970":   change(func(r *store.Revocation) { r.NotBefore = -1 }),
		"session up to 2106":    change(func(r *store.Revocation) { r.NotBefore = 1<<32 - 1 }),
		"a long reason":         change(func(r *store.Revocation) { r.Reason = strings.Repeat("x", store.MaxReason+1) }),
		"a control character":   change(func(r *store.Revocation) { r.Reason = "a\x1b[2Jb" }),
		"a reason in bytes":     change(func(r *store.Revocation) { r.Reason = "\xff" }),
		"made before 1970":      change(func(r *store.Revocation) { r.Made = -1 }),
		"made after 2106":       change(func(r *store.Revocation) { r.Made = 1 << 32 }),
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
	f.Add(mustMarshal(f, newer()...))
	f.Add([]byte{1})
	f.Add([]byte{3, 1})
	f.Add(append([]byte{2, 0, 0, 0, 0}, mustMarshal(f, newer()[0])[1:]...))
	f.Add(append(mustMarshal(f, revocations()[0])[:18], 0x81, 0x80, 0))
	f.Add(binary.AppendUvarint(mustMarshal(f, revocations()[3])[:18], 1<<63))
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := store.UnmarshalRevocations(payload)
		if err != nil {
			if !errors.Is(err, store.ErrUnreadable) {
				t.Fatalf("error %v does not wrap ErrUnreadable", err)
			}
			if other := len(payload) > 0 && payload[0] != 1 && payload[0] != 2; other != strings.Contains(err.Error(), "version") {
				t.Errorf("version %d: %v", payload[0], err)
			}
			return
		}
		if again := mustMarshal(t, got...); !bytes.Equal(again, payload) {
			t.Errorf("%x is read as %v, which is written as %x", payload, got, again)
		}
		// A revocation takes at least 18 bytes in the payload, and 88 in memory.
		if cap(got) > 2*len(payload)/18+8 {
			t.Errorf("room for %d revocations was made for %d bytes", cap(got), len(payload))
		}
	})
}
