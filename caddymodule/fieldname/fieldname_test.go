package fieldname

import (
	"slices"
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
