package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is copied from a request or a file is a token all the same.
func TestATokenIsReadAsPeopleCopyIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	for text, want := range map[string]string{
		"abc": "abc", " abc\r\n": "abc", "Bearer abc\n": "abc", "bearer  abc": "abc", "Bearer": "Bearer", "": "",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := tokenFrom(path); err != nil || got != want {
			t.Errorf("%q is read as %q, error %v", text, got, err)
		}
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{{"", ""}, {"x", path}, {"", path + ".none"}, {"", empty}} {
		if raw, err := argumentToken(c[0], c[1]); err == nil || !strings.HasPrefix(err.Error(), "reading the token: ") {
			t.Errorf("of %q there is %q, error %v", c, raw, err)
		}
	}
	words := revokeWords{Token: "x"}
	if err := words.complete(path, ""); err == nil {
		t.Error("two tokens were taken")
	}
	words = revokeWords{}
	if err := words.complete(empty, ""); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("an empty file is no token: %v", err)
	}
	words = revokeWords{Subject: "alice"}
	if err := words.complete("", "1800000000"); err != nil || words.Before != int64(1_800_000_000) {
		t.Errorf("before is %v, error %v", words.Before, err)
	}
	if err := words.complete("", "2027-01-15T08:00:00Z"); err != nil || words.Before != "2027-01-15T08:00:00Z" {
		t.Errorf("before is %v, error %v", words.Before, err)
	}
}
