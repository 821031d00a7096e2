package redisstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

func wellFormed(tb testing.TB) (element []any, want entry) {
	tb.Helper()
	want = entry{Entry: store.Entry{
		Position: store.Position{Generation: 0xff, Seq: 7},
		Revocations: []store.Revocation{
			{Kind: store.KindSession, Key: store.Key{1}, Expires: 100},
			{Kind: store.KindToken, Key: store.Key{2}, Expires: 300},
		},
	}, previous: 0xabcd}
	rest, err := newRecord(want.Revocations)
	if err != nil {
		tb.Fatal(err)
	}
	want.Position.Tag = binary.BigEndian.Uint64(rest)
	record := "\x03" + generationFF + "\x00\x00\x00\x00\x00\x00\xab\xcd" + string(rest) // as the script writes it
	return []any{"7-0", []any{"r", record}}, want
}

const generationFF = "\x00\x00\x00\x00\x00\x00\x00\xff"

// version2 returns a record of version 2, without the tag of the previous entry.
func version2(record string) string { return "\x02" + record[1:9] + record[17:] }

func parse(element any) (entry, error) {
	entries, err := parseRange([]byte(encode([]any{element})))
	if err != nil {
		return entry{}, err
	}
	return entries[0], nil
}

func TestEntry(t *testing.T) {
	element, want := wellFormed(t)
	record := element[1].([]any)[1].(string)
	second := want
	second.previous = 0
	for name, test := range map[string]struct {
		element []any
		want    entry
	}{
		"a record":        {element, want},
		"a further field": {[]any{"7-0", append([]any{"later", "field"}, element[1].([]any)...)}, want},
		"an older record": {[]any{"7-0", []any{"r", version2(record)}}, second},
	} {
		if got, err := parse(test.element); err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: parsed %+v, %v; want %+v", name, got, err, test.want)
		}
	}
}

// Attack: someone with write access adds data to the log that the gates skip, or that
// makes them crash.
func TestEntryRefuses(t *testing.T) {
	whole, _ := wellFormed(t)
	record := whole[1].([]any)[1].(string)
	of := func(record any) []any { return []any{"7-0", []any{"r", record}} }
	elements := map[string]any{
		"nothing":                 nil,
		"a number":                int64(1),
		"an id alone":             []any{"7-0"},
		"no fields":               []any{"7-0", []any{}},
		"fields that are none":    []any{"7-0", "r"},
		"a field without a value": []any{"7-0", whole[1].([]any)[:1]},
		"an id with a part":       []any{"7-1", whole[1]},
		"an id of letters":        []any{"seven-0", whole[1]},
		"a negative id":           []any{"-7-0", whole[1]},
		"an id that is a number":  []any{int64(7), whole[1]},
		"a record of nil":         of(nil),
		"a newer record":          of("\x04" + record[1:]),
		"an older record":         of("\x01" + record[1:]),
		"a record of no one":      of(record[:1] + strings.Repeat("\x00", 8) + record[9:]),
		"a record's other expiry": of(record[:25] + "\x00\x00\x00\x01" + record[29:]),
		"a record's newer rest":   of(record[:29] + "\x02" + record[30:]),
		"more than a record":      of(record + "\x00"),
	}
	for i := range len(record) {
		elements[fmt.Sprintf("the first %d bytes of a record", i)] = of(record[:i])
	}
	older := version2(record)
	for i := range len(older) {
		elements[fmt.Sprintf("the first %d bytes of an older record", i)] = of(older[:i])
	}
	for name, element := range elements {
		if got, err := parse(element); !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("%s: parsed %+v, %v; want ErrUnreadable", name, got, err)
		}
	}
}

// Attack: two gates read an entry differently, or one skips an entry that none
// understands. A record that can be read is the only encoding of its content. Everything
// else is ErrUnreadable.
func FuzzEntry(f *testing.F) {
	element, _ := wellFormed(f)
	record := element[1].([]any)[1].(string)
	f.Add("7-0", record)
	f.Add("7-0", version2(record))
	f.Add("0-0", "\x04"+record[1:])
	newer, err := newRecord([]store.Revocation{{
		Kind: store.KindSession, Key: store.Key{1}, NotBefore: 50, Expires: 100, Origin: store.Origin{Source: store.SourceIssuer, Reason: "why", Made: 60},
	}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("7-0", record[:17]+string(newer))
	f.Add("7-0", record[:25]+"\x00\x00\x01\x2d"+record[29:])
	f.Add("18446744073709551616-0", record[:29])
	f.Fuzz(func(t *testing.T, id, record string) {
		e, err := parse([]any{id, []any{"r", record}})
		switch {
		case err != nil && !errors.Is(err, store.ErrUnreadable):
			t.Errorf("error %v, want ErrUnreadable", err)
		case err == nil && (len(e.Revocations) == 0 || e.Position.Generation == 0):
			t.Errorf("an entry without meaning: %+v", e)
		case err == nil:
			wantWritten(t, e, record)
		}
	})
}

func wantWritten(t *testing.T, e entry, record string) {
	t.Helper()
	payload, err := store.MarshalRevocations(e.Revocations)
	if err != nil {
		t.Fatal(err)
	}
	again := binary.BigEndian.AppendUint64([]byte{record[0]}, uint64(e.Position.Generation))
	if record[0] == recordVersion {
		again = binary.BigEndian.AppendUint64(again, e.previous)
	}
	again = binary.BigEndian.AppendUint64(again, e.Position.Tag)
	again = binary.BigEndian.AppendUint32(again, uint32(e.Expires()))
	if again = append(again, payload...); string(again) != record {
		t.Errorf("%x is read as %+v, which is written as %x", record, e, again)
	}
}

func TestHex64(t *testing.T) {
	for v, want := range map[uint64]string{
		0: "0000000000000000", 0xff: "00000000000000ff", 1<<64 - 1: "ffffffffffffffff",
	} {
		if got := hex64(v); got != want {
			t.Errorf("hex64(%d) is %q, want %q", v, got, want)
		}
	}
}

// A candidate for a generation is never zero and never repeated.
func TestCandidate(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		c := candidate()
		if len(c) != 16 || c == hex64(0) || seen[c] {
			t.Fatalf("candidate %q", c)
		}
		seen[c] = true
	}
}
