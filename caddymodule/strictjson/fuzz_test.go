package strictjson_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// deepest is the depth at which encoding/json gives up.
const deepest = 10_000

// FuzzGrammar compares with encoding/json which texts are valid JSON, and what names and
// strings mean. If an object has two members with one name, encoding/json reads the last.
// So only objects with a duplicate may differ.
func FuzzGrammar(f *testing.F) {
	for _, text := range []string{
		`{"a":1,"b":[true,false,null,-0.5e+7,0,10],"c":{"d":"x"}}`, `{}`, `[]`, ` {"a" : "b"} `, `""`, `-`, `01`, `1.`, `1e`, `tru`, `truex`,
		`{"a":"\ud83d\ude00\ud800\u0041\\\/\"\b\f\n\r\t"}`, `{"\u0061":"\uDE00\uD83D"}`, `{"a":"\ud800\ud800\udc00"}`, `{"a":"\u00"`, `{"a":"\x"}`,
		`{"a":1,}`, `[1,]`, `{,}`, `{"a"}`, `{"a":}`, `{1:2}`, `[[]]]`, "{\"a\":\"\x1f\"}", "{\"a\":\"\x7f\"}", "{}\x00", "\x00", `{"a":"` + "\u2028" + `"}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		doc := []byte(text)
		found, duplicates := make(map[string]string), false
		err := strictjson.Scan(doc, deepest, func(name string, value json.RawMessage) error {
			_, duplicate := found[name]
			duplicates = duplicates || duplicate
			found[name] = string(value)
			if said, ok := strictjson.Text(value); ok {
				var want string
				if err := json.Unmarshal(value, &want); err != nil || said != want {
					t.Errorf("%s is read as %q, want %q, error %v", value, said, want, err)
				}
			}
			return nil
		})
		if errors.Is(err, strictjson.ErrDepth) {
			return
		}
		valid := utf8.Valid(doc) && json.Valid(doc)
		if syntax := errors.Is(err, strictjson.ErrSyntax); syntax == valid {
			t.Fatalf("error %v, and encoding/json says %t", err, valid)
		}
		var want map[string]json.RawMessage
		if err != nil || duplicates {
			return
		}
		if err := json.Unmarshal(doc, &want); err != nil || len(want) != len(found) {
			t.Fatalf("found %q, want %q, error %v", found, want, err)
		}
		o, err := strictjson.Parse(doc, deepest)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range want {
			if first := o.First(name)[0]; string(first) != string(value) && !strings.Contains(name, `\`) {
				t.Errorf("the first %q is %s, want %s", name, first, value)
			}
			if found[name] != string(value) {
				t.Errorf("%q is %s, want %s", name, found[name], value)
			}
		}
	})
}
