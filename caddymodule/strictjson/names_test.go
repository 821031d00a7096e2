package strictjson_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// The attack: {"sid":"victim","SID":"other"} is one session to encoding/json,
// which takes the last, and another to a decoder that minds case.
func TestNamesRefusesTwins(t *testing.T) {
	for _, twins := range [][2]string{
		{"sid", "sid"},
		{"sid", "SID"},
		{"sid", "\u017fid"},
		{"kid", "\u212aid"},
		{"straße", "STRAßE"},
		{"é", "É"},
		{"σ", "ς"},
		{"", ""},
	} {
		var names strictjson.Names
		if err := names.Add(twins[0]); err != nil {
			t.Fatalf("adding %q: %v", twins[0], err)
		}
		if err := names.Add(twins[1]); !errors.Is(err, strictjson.ErrTwin) {
			t.Errorf("adding %q after %q: error %v, want ErrTwin", twins[1], twins[0], err)
		}
	}
}

func TestNamesAcceptsDifferentNames(t *testing.T) {
	var names strictjson.Names
	for _, name := range []string{"sid", "sub", "sid ", "s", "", "ß", "ss", "ı", "i"} {
		if err := names.Add(name); err != nil {
			t.Errorf("adding %q: %v", name, err)
		}
	}
}

func TestFoldLeavesUsualNamesAlone(t *testing.T) {
	name := "https://id.example.com/role_1"
	if allocations := testing.AllocsPerRun(10, func() {
		if strictjson.Fold(name) != name {
			t.Error("changed")
		}
	}); allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

// Fold has to agree with strings.EqualFold, which is what encoding/json
// matches names by.
func FuzzFold(f *testing.F) {
	for _, pair := range [][2]string{{"sid", "\u017fid"}, {"K", "\u212a"}, {"İ", "i"}, {"ǅ", "ǆ"}, {"a", "b"}} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if got, want := strictjson.Fold(a) == strictjson.Fold(b), strings.EqualFold(a, b); got != want {
			t.Errorf("Fold calls %q and %q equal: %t, strings.EqualFold: %t", a, b, got, want)
		}
	})
}

// Scan has to accept nothing that encoding/json refuses, and must read the same
// names and values wherever both accept.
func FuzzScan(f *testing.F) {
	for _, doc := range []string{
		`{}`, ` {"a":1,"b":[1,{"c":"}"}],"a":"\u0041"}`, `{"a":"\\"}`, `null`, `[]`, `{"a":1}{`, "{\"\xff\":1}",
		`{"a":{"b":{"c":[[[]]]}},"d":-1e9}`, "{\"\\ud800\":\"\\ud800\"}", `{"a" : true , "b" : null }`,
	} {
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		names, values, err := scan(doc)
		members, ok := decode(doc)
		if err != nil {
			return
		}
		if !ok {
			t.Fatalf("accepted %q, which encoding/json refuses", doc)
		}
		if len(names) != len(members) {
			t.Fatalf("%d members in %q, encoding/json finds %d", len(names), doc, len(members))
		}
		for i, m := range members {
			if names[i] != m.name || !sameJSON(values[i], string(m.value)) {
				t.Errorf("member %d is %q: %q, encoding/json says %q: %q", i, names[i], values[i], m.name, m.value)
			}
		}
	})
}

type member struct {
	name  string
	value json.RawMessage
}

// decode reads an object by the tokens of encoding/json.
func decode(doc string) (members []member, ok bool) {
	decoder := json.NewDecoder(strings.NewReader(doc))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	for decoder.More() {
		name, err := decoder.Token()
		text, isText := name.(string)
		if err != nil || !isText {
			return nil, false
		}
		m := member{name: text}
		if err := decoder.Decode(&m.value); err != nil {
			return nil, false
		}
		members = append(members, m)
	}
	_, err := decoder.Token()
	return members, err == nil && !decoder.More()
}

func sameJSON(a, b string) bool {
	return slices.Equal([]byte(strings.TrimSpace(a)), []byte(strings.TrimSpace(b)))
}
