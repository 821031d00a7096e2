package strictjson_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// Attack: {"sid":"victim","SID":"other"} is one session to encoding/json, which reads the
// last member, and another to a decoder that distinguishes case.
func TestNamesRefusesDuplicates(t *testing.T) {
	for _, pair := range [][2]string{
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
		if err := names.Add(pair[0]); err != nil {
			t.Fatalf("adding %q: %v", pair[0], err)
		}
		if err := names.Add(pair[1]); !errors.Is(err, strictjson.ErrDuplicate) {
			t.Errorf("adding %q after %q: error %v, want ErrDuplicate", pair[1], pair[0], err)
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

// Fold has to agree with strings.EqualFold, with which encoding/json matches names.
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
