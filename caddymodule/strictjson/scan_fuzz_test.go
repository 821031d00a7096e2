package strictjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
	"github.com/sessiongate/sessiongate/caddymodule/strictjson/strictjsontest"
)

// Attack: the gate, and an application that decodes with encoding/json, read different
// things in a document. Scan visits the same members that a token reader finds one by one.
// If no two names are duplicates, maps and structs hold the same. If Scan refuses a
// document, the reason must be right.
func FuzzScan(f *testing.F) {
	for _, doc := range []string{
		`{}`, ` {"a":1,"b":[1,{"c":"}"}],"a":"\u0041"}`, `{"a":"\\"}`, `null`, `[]`, `{"a":1}{`, "{\"\xff\":1}",
		`{"a":{"b":{"c":[[[]]]}},"d":-1e9}`, "{\"\\ud800\":\"\\ud800\"}", `{"a" : true , "b" : null }`, `{"sid":"a","\u017fID":"b"}`,
		`{"sid":"\ud83d\ude00","exp":1.5e3}`, `{"x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`,
		`{"x":` + strings.Repeat(`{"y":`, 32) + "1" + strings.Repeat("}", 32) + `}`, "\xef\xbb\xbf{}", "{\"a\":1}\x00", `{"":{"":""}}`,
	} {
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		names, values, err := scan(doc)
		if wants := refusals(doc); !slices.ContainsFunc(wants, func(want error) bool { return errors.Is(err, want) }) {
			t.Fatalf("%q: error %v, want one of %v", doc, err, wants)
		}
		if err != nil {
			if len(names) > 0 {
				t.Errorf("visited %q of %q, which is refused", names, doc)
			}
			return
		}
		members := decode(t, doc)
		if len(names) != len(members) {
			t.Fatalf("%d members in %q, encoding/json finds %d", len(names), doc, len(members))
		}
		for i, m := range members {
			if names[i] != m.name || values[i] != string(m.value) {
				t.Errorf("member %d is %q: %q, encoding/json says %q: %q", i, names[i], values[i], m.name, m.value)
			}
			wantParts(t, json.RawMessage(values[i]))
		}
		wantOneReading(t, doc, names, values)
	})
}

// refusals returns why encoding/json refuses a document, or nil. A document that is both
// too deep and invalid has two reasons; the first in the text counts.
func refusals(doc string) []error {
	valid, deep := json.Valid([]byte(doc)), strictjsontest.Depth(doc) > strictjson.MaxDepth
	switch {
	case !utf8.ValidString(doc), !valid && !deep:
		return []error{strictjson.ErrSyntax}
	case !valid:
		return []error{strictjson.ErrSyntax, strictjson.ErrDepth}
	case deep:
		return []error{strictjson.ErrDepth}
	case !strings.HasPrefix(strings.TrimLeft(doc, " \t\r\n"), "{"):
		return []error{strictjson.ErrNotObject}
	}
	return []error{nil}
}

type member struct {
	name  string
	value json.RawMessage
}

// decode reads an object by the tokens of encoding/json.
func decode(t *testing.T, doc string) (members []member) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(doc))
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
	for decoder.More() {
		name, err := decoder.Token()
		text, isText := name.(string)
		m := member{name: text}
		if err = errors.Join(err, decoder.Decode(&m.value)); err != nil || !isText {
			t.Fatalf("accepted %q, in which encoding/json finds %v, %v", doc, name, err)
		}
		members = append(members, m)
	}
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("accepted %q with more behind it", doc)
	}
	return members
}

// wantParts compares Text and Elements with the result of encoding/json.
func wantParts(t *testing.T, value json.RawMessage) {
	t.Helper()
	var decoded any
	if err := json.Unmarshal(value, &decoded); err != nil && !isRange(err) {
		t.Fatal(err)
	}
	want, isText := decoded.(string)
	if text, ok := strictjson.Text(value); ok != isText || text != want {
		t.Errorf("the text of %s is %q, %t, encoding/json says %q, %t", value, text, ok, want, isText)
	}
	elements, ok := strictjson.Elements(value)
	if isArray := value[0] == '['; ok != isArray {
		t.Errorf("%s is an array: %t, want %t", value, ok, isArray)
	}
	if !ok {
		return
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(value, &raw); err != nil || len(raw) != len(elements) {
		t.Fatalf("%d elements of %s, encoding/json says %d, %v", len(elements), value, len(raw), err)
	}
	for i := range raw {
		if !bytes.Equal(raw[i], elements[i]) {
			t.Errorf("element %d of %s is %s, encoding/json says %s", i, value, elements[i], raw[i])
		}
	}
}

// isRange reports whether err says that a number does not fit into a float64.
func isRange(err error) bool {
	var wrong *json.UnmarshalTypeError
	return errors.As(err, &wrong)
}

// wantOneReading checks, if Names finds no duplicates, that decoders into a map and into a
// struct agree with Scan.
func wantOneReading(t *testing.T, doc string, names, values []string) {
	t.Helper()
	var unique strictjson.Names
	duplicates := false
	for i, name := range names {
		refused := unique.Add(name) != nil
		equal := false
		for _, other := range names[:i] {
			equal = equal || strings.EqualFold(name, other)
		}
		if refused != equal {
			t.Fatalf("%q duplicates one of %q: %t, strings.EqualFold says %t", name, names[:i], refused, equal)
		}
		duplicates = duplicates || refused
	}
	if duplicates {
		return
	}
	var inMap map[string]json.RawMessage
	var inStruct struct{ Iss, Sid, Exp, Kid, Groups json.RawMessage }
	if err := errors.Join(json.Unmarshal([]byte(doc), &inMap), json.Unmarshal([]byte(doc), &inStruct)); err != nil {
		t.Fatalf("accepted %q: %v", doc, err)
	}
	fields := reflect.ValueOf(inStruct)
	for i, name := range names {
		if string(inMap[name]) != values[i] {
			t.Errorf("%q is %s, in a map %s", name, values[i], inMap[name])
		}
		for j := range fields.NumField() {
			field := fields.Type().Field(j).Name
			if strings.EqualFold(field, name) && string(fields.Field(j).Bytes()) != values[i] {
				t.Errorf("%q is %s, in a struct %s", name, values[i], fields.Field(j).Bytes())
			}
		}
	}
	if len(inMap) != len(names) {
		t.Errorf("%d names, in a map %d", len(names), len(inMap))
	}
}
