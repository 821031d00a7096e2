package strictjson_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

func scan(doc string) (names, values []string, err error) {
	err = strictjson.Scan([]byte(doc), strictjson.MaxDepth, func(name string, value json.RawMessage) error {
		names, values = append(names, name), append(values, string(value))
		return nil
	})
	return names, values, err
}

func TestScanVisitsEveryMember(t *testing.T) {
	names, values, err := scan("\t {\"a\" : 1 ,\"\\u0062\":\"x\\\"}{\" , \"c\":[ {\"d\":2} , null ],\n\"a\":{},\"\":true} \r\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b", "c", "a", ""}; !slices.Equal(names, want) {
		t.Errorf("names %q, want %q", names, want)
	}
	if want := []string{"1", `"x\"}{"`, `[ {"d":2} , null ]`, "{}", "true"}; !slices.Equal(values, want) {
		t.Errorf("values %q, want %q", values, want)
	}
}

func TestScanOfAnEmptyObjectVisitsNothing(t *testing.T) {
	names, _, err := scan(" {\n} ")
	if err != nil || len(names) != 0 {
		t.Errorf("visited %q, error %v", names, err)
	}
}

// Attack: two parsers read a document differently, so that the gate checks another session
// than the application uses.
func TestScanRefusesWhatParsersDisagreeOn(t *testing.T) {
	tests := []struct {
		name, doc string
		want      error
	}{
		{"nothing", "", strictjson.ErrSyntax},
		{"space only", " \n", strictjson.ErrSyntax},
		{"null, which decodes into any struct", "null", strictjson.ErrNotObject},
		{"array", `[{"a":1}]`, strictjson.ErrNotObject},
		{"string", `"{}"`, strictjson.ErrNotObject},
		{"number", "1", strictjson.ErrNotObject},
		{"second object behind the first", `{"a":1}{"a":2}`, strictjson.ErrSyntax},
		{"garbage behind the object", `{"a":1} x`, strictjson.ErrSyntax},
		{"NUL behind the object", "{}\x00", strictjson.ErrSyntax},
		{"byte order mark", "\xef\xbb\xbf{}", strictjson.ErrSyntax},
		{"comment", `{"a":1/**/}`, strictjson.ErrSyntax},
		{"trailing comma", `{"a":1,}`, strictjson.ErrSyntax},
		{"single quotes", `{'a':1}`, strictjson.ErrSyntax},
		{"leading zero", `{"a":01}`, strictjson.ErrSyntax},
		{"NaN", `{"a":NaN}`, strictjson.ErrSyntax},
		{"invalid UTF-8 in a value", "{\"a\":\"\xff\"}", strictjson.ErrSyntax},
		{"invalid UTF-8 in a name", "{\"\xc0\xaf\":1}", strictjson.ErrSyntax},
		{"surrogate half in UTF-8", "{\"a\":\"\xed\xa0\x80\"}", strictjson.ErrSyntax},
		{"control character", "{\"a\":\"\x01\"}", strictjson.ErrSyntax},
		{"cut off", `{"a":{"b":1}`, strictjson.ErrSyntax},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			names, _, err := scan(tt.doc)
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if len(names) != 0 {
				t.Errorf("visited %q of a document that is refused", names)
			}
		})
	}
}

// Attack: nesting so deep that a recursive reader behind the gate crashes.
func TestScanBoundsTheDepth(t *testing.T) {
	nested := func(depth int, open, closing string) string {
		return `{"a":` + strings.Repeat(open, depth-1) + "1" + strings.Repeat(closing, depth-1) + "}"
	}
	for _, kind := range [][2]string{{"[", "]"}, {`{"b":`, "}"}} {
		if _, _, err := scan(nested(strictjson.MaxDepth, kind[0], kind[1])); err != nil {
			t.Errorf("%d levels of %q: %v", strictjson.MaxDepth, kind[0], err)
		}
		if _, _, err := scan(nested(strictjson.MaxDepth+1, kind[0], kind[1])); !errors.Is(err, strictjson.ErrDepth) {
			t.Errorf("%d levels of %q: error %v, want ErrDepth", strictjson.MaxDepth+1, kind[0], err)
		}
	}
	if _, _, err := scan(`{"a":"` + strings.Repeat("[{", 100) + `"}`); err != nil {
		t.Errorf("brackets inside a string: %v", err)
	}
}

func TestScanReturnsTheVisitorsError(t *testing.T) {
	stop := errors.New("stop")
	visits := 0
	err := strictjson.Scan([]byte(`{"a":1,"b":2}`), strictjson.MaxDepth, func(string, json.RawMessage) error {
		visits++
		return stop
	})
	if err != stop || visits != 1 {
		t.Errorf("%d visits, error %v", visits, err)
	}
}

func TestFirstFindsNamesInEverySpelling(t *testing.T) {
	o, err := strictjson.Parse([]byte(` {"algo":1,"\u0061lg":"x","alg":"y","\u006b\u0069\u0064":2,"k\u0069":3,"al\\":4,"":5}`), strictjson.MaxDepth)
	if err != nil {
		t.Fatal(err)
	}
	got := o.First("alg", "kid", "crit", "")
	for i, want := range []string{`"x"`, "2", "", "5"} {
		if string(got[i]) != want || (got[i] == nil) != (want == "") {
			t.Errorf("value %d is %q, want %q", i, got[i], want)
		}
	}
}

// Attack: 8 KiB of members, or of brackets, to make the gate allocate more memory than the
// sender sends (invariant 12).
func TestParseAndFirstAllocateNothingForTheMembers(t *testing.T) {
	members := []byte(`{"x":0` + strings.Repeat(`,"\u0061a":[{}]`, 500) + "}")
	if n := testing.AllocsPerRun(100, func() {
		o, err := strictjson.Parse(members, strictjson.MaxDepth)
		if err != nil {
			t.Fatal(err)
		}
		o.First("iss")
	}); n > 1 {
		t.Errorf("%v allocations, want the one for the answer", n)
	}
	brackets := []byte(strings.Repeat("[", 8<<10))
	if n := testing.AllocsPerRun(100, func() {
		if _, err := strictjson.Parse(brackets, strictjson.MaxDepth); !errors.Is(err, strictjson.ErrDepth) {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations for brackets", n)
	}
}

func TestText(t *testing.T) {
	for value, want := range map[string]string{
		`""`: "", `"a"`: "a", `"\u0041\n\"\\"`: "A\n\"\\", `"\ud800"`: "\ufffd", `"é"`: "é",
	} {
		if got, ok := strictjson.Text(json.RawMessage(value)); !ok || got != want {
			t.Errorf("Text(%s) = %q, %t, want %q", value, got, ok, want)
		}
	}
	for _, value := range []string{"", "1", "null", "true", `["a"]`, `{"a":"b"}`} {
		if got, ok := strictjson.Text(json.RawMessage(value)); ok {
			t.Errorf("Text(%s) = %q, want none", value, got)
		}
	}
}

func TestElements(t *testing.T) {
	got, ok := strictjson.Elements(json.RawMessage(`[ "a,b" , [1,2],{"x":[3]} ,null,-1.5e3]`))
	if !ok {
		t.Fatal("not read as an array")
	}
	want := []string{`"a,b"`, `[1,2]`, `{"x":[3]}`, "null", "-1.5e3"}
	if !slices.EqualFunc(got, want, func(a json.RawMessage, b string) bool { return string(a) == b }) {
		t.Errorf("elements %q, want %q", got, want)
	}
	if got, ok := strictjson.Elements(json.RawMessage("[ ]")); !ok || len(got) != 0 {
		t.Errorf("empty array: %q, %t", got, ok)
	}
	for _, value := range []string{"", `"[]"`, "{}", "null"} {
		if _, ok := strictjson.Elements(json.RawMessage(value)); ok {
			t.Errorf("%q is read as an array", value)
		}
	}
}
