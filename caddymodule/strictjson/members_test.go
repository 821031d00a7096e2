package strictjson_test

import (
	"errors"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

func TestMembersAreFoundByTheirExactName(t *testing.T) {
	m, err := strictjson.ReadMembers([]byte(` {"b": 1, "s\u0069d": "x", "n": null} `))
	if err != nil {
		t.Fatal(err)
	}
	if len(m) != 3 || m[0].Name != "b" || m[1].Name != "sid" || m[2].Name != "n" {
		t.Errorf("members %v, want b, sid and n", m)
	}
	if value, ok := m.Find("b"); !ok || string(value) != "1" {
		t.Errorf("b is %q, %v", value, ok)
	}
	if _, ok := m.Find("B"); ok {
		t.Error("B was found")
	}
}

func TestTextOfAMemberIsAStringOrAnError(t *testing.T) {
	m, err := strictjson.ReadMembers([]byte(`{"text": "x", "number": 1, "null": null, "empty": ""}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		text   string
		ok     bool
		failed bool
	}{
		"text": {"x", true, false}, "empty": {"", true, false}, "missing": {"", false, false},
		"number": {"", false, true}, "null": {"", false, true},
	} {
		text, ok, err := m.Text(name)
		if text != want.text || ok != want.ok || (err != nil) != want.failed {
			t.Errorf("%s: %q, %v, %v", name, text, ok, err)
		}
	}
}

// Attack: the gate reads `sid` and the application reads `SID`.
func TestMembersWithOneNameAreRefused(t *testing.T) {
	for doc, want := range map[string]error{
		`{"sid": "a", "sid": "a"}`: strictjson.ErrDuplicate,
		`{"sid": "a", "SID": "b"}`: strictjson.ErrDuplicate,
		`["sid"]`:                  strictjson.ErrNotObject,
		`{"sid": "a"} x`:           strictjson.ErrSyntax,
	} {
		if m, err := strictjson.ReadMembers([]byte(doc)); m != nil || !errors.Is(err, want) {
			t.Errorf("%s: %v, %v, want %v", doc, m, err, want)
		}
	}
}
