package redisstore

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// encode writes a reply as Redis does.
func encode(v any) string {
	switch v := v.(type) {
	case nil:
		return "*-1\r\n"
	case string:
		return fmt.Sprintf("$%d\r\n%s\r\n", len(v), v)
	case int64:
		return fmt.Sprintf(":%d\r\n", v)
	case []any:
		var text strings.Builder
		fmt.Fprintf(&text, "*%d\r\n", len(v))
		for _, element := range v {
			text.WriteString(encode(element))
		}
		return text.String()
	default:
		panic(fmt.Sprintf("a %T", v))
	}
}

func stream(entries ...any) []any { return []any{[]any{"key", entries}} }

func TestParseStream(t *testing.T) {
	element, want := wellFormed(t)
	later := []any{"8-0", append([]any{"later", "field"}, element[1].([]any)...)}
	second := want
	second.Position.Seq = 8
	for name, test := range map[string]struct {
		reply any
		want  []entry
	}{
		"nothing":     {nil, nil},
		"one entry":   {stream(element), []entry{want}},
		"two entries": {stream(element, later), []entry{want, second}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseStream([]byte(encode(test.reply)))
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("parsed %+v, %v; want %+v", got, err, test.want)
			}
		})
	}
}

// Attack: a server impersonating Redis sends false lengths, to make the gate crash, fill
// its memory, or skip entries.
func TestParseStreamRefuses(t *testing.T) {
	element, _ := wellFormed(t)
	whole := encode(stream(element))
	value := fmt.Sprintf("$%d\r\n", len(element[1].([]any)[1].(string)))
	replies := map[string]string{
		"nothing":                     "",
		"a line without an end":       "*1",
		"a number":                    encode(int64(1)),
		"no stream":                   encode([]any{}),
		"two streams":                 encode([]any{stream(element)[0], stream(element)[0]}),
		"a stream of a key":           encode([]any{[]any{"key"}}),
		"a stream of three":           encode([]any{[]any{"key", []any{}, "more"}}),
		"entries that are text":       encode([]any{[]any{"key", "entries"}}),
		"entries that are nil":        encode([]any{[]any{"key", nil}}),
		"an entry that is text":       encode(stream("entry")),
		"an entry without fields":     encode(stream([]any{"7-0", nil})),
		"a name without a value":      encode(stream([]any{"7-0", []any{"r"}})),
		"a value that is nil":         encode(stream([]any{"7-0", []any{"r", nil}})),
		"more entries than there are": strings.Replace(whole, "key\r\n*1\r\n", "key\r\n*2\r\n", 1),
		"a billion entries":           strings.Replace(whole, "key\r\n*1\r\n", "key\r\n*1000000000\r\n", 1),
		"a text of a gigabyte":        strings.Replace(whole, value, "$1073741824\r\n", 1),
		"a negative length":           strings.Replace(whole, value, "$-2\r\n", 1),
		"a length of letters":         strings.Replace(whole, value, "$x\r\n", 1),
	}
	for i := range len(whole) {
		replies[fmt.Sprintf("the first %d bytes", i)] = whole[:i]
	}
	for name, reply := range replies {
		if got, err := parseStream([]byte(reply)); !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("%s: parsed %+v, %v; want ErrUnreadable", name, got, err)
		}
	}
}

// Both ways of reading an entry agree on any content. No reply reserves memory for more
// entries than its bytes can hold.
func FuzzParseStream(f *testing.F) {
	element, _ := wellFormed(f)
	record := element[1].([]any)[1].(string)
	f.Add(encode(stream(element)), "7-0", record)
	f.Add(encode(stream(element, element)), "007-0", version2(record))
	f.Add("*1\r\n*2\r\n$3\r\nkey\r\n*2147483647\r\n", "7-1", "0")
	f.Add("*-1\r\n", "", "")
	f.Fuzz(func(t *testing.T, raw, id, record string) {
		entries, err := parseStream([]byte(raw))
		if err != nil && (!errors.Is(err, store.ErrUnreadable) || entries != nil) {
			t.Errorf("%d entries and error %v, want ErrUnreadable", len(entries), err)
		}
		if cap(entries) > len(raw)/4 {
			t.Errorf("room for %d entries was made for %d bytes", cap(entries), len(raw))
		}
		element := []any{id, []any{"r", record}}
		want, wantErr := parse(element)
		got, err := parseStream([]byte(encode(stream(element))))
		if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, []entry{want}) {
			t.Errorf("parsed %+v, %v; the other way gives %+v, %v", got, err, want, wantErr)
		}
	})
}

// BenchmarkParseStream measures the cost of parsing 4096 entries, without receiving them.
func BenchmarkParseStream(b *testing.B) {
	rest, err := newRecord([]store.Revocation{{Kind: store.KindSession, Key: store.Key{1}, Expires: 2_000_000_000}})
	if err != nil {
		b.Fatal(err)
	}
	entries := make([]any, pageEntries)
	for i := range entries {
		entries[i] = []any{fmt.Sprintf("%d-0", i+1), []any{"r", "\x02generati" + string(rest)}}
	}
	raw := []byte(encode(stream(entries...)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseStream(raw); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/pageEntries, "ns/entry")
}
