package fieldname

import (
	"slices"
	"strings"
	"testing"
)

func TestNamesThatAreOneToCGIFoldToOne(t *testing.T) {
	for _, name := range []string{"X-Remote-User", "x_remote_user", "X.REMOTE.USER", "x-Remote_user", "X!Remote~User"} {
		if got := Fold(name); got != "x-remote-user" {
			t.Errorf("Fold(%q) = %q", name, got)
		}
		if !Equal(name, "x-remote-user") || !In(name, []string{"host", "x-remote-user"}) {
			t.Errorf("%q is another name", name)
		}
	}
	for _, name := range []string{"", "X-Remote-Users", "XX-Remote-User", "X--Remote-User", "X-Remote-Usér"} {
		if Equal(name, "x-remote-user") || In(name, []string{"host", "x-remote-user"}) {
			t.Errorf("%q is the same name", name)
		}
	}
}

func TestValidNamesAreTokens(t *testing.T) {
	const valid = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for c := range 256 {
		want := strings.IndexByte(valid, byte(c)) >= 0
		for _, name := range []string{string([]byte{byte(c)}), "X-" + string([]byte{byte(c)}) + "A"} {
			if IsValid(name) != want {
				t.Errorf("%q is valid: %t", name, !want)
			}
		}
	}
	if IsValid("") {
		t.Error("no name is a valid one")
	}
}

func TestMembersOfAList(t *testing.T) {
	for list, want := range map[string][]string{
		"": nil, " , ,": nil, "a": {"a"}, "a,b ,\tc,,d": {"a", "b", "c", "d"},
	} {
		if got := slices.Collect(Members(list)); !slices.Equal(got, want) {
			t.Errorf("Members(%q) = %q, want %q", list, got, want)
		}
	}
	for member := range Members("a, b, c") {
		if member == "b" {
			break
		}
	}
}
