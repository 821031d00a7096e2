package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// People copy a token with other text around it. It is still read.
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
	// The longest token that a gate may accept, and one that is too long for each: cut to the
	// size of a good one, it would be called forged.
	for _, size := range []int{token.MaxTokenSize, token.MaxTokenSize + 1} {
		long := strings.Repeat("a", size)
		if err := os.WriteFile(path, []byte("Bearer "+long+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := tokenFrom(path); err != nil || got != long {
			t.Errorf("a token of %d bytes is read as one of %d, error %v", size, len(got), err)
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
	request := operator.RevokeRequest{Token: "x"}
	if err := complete(&request, path, ""); err == nil {
		t.Error("two tokens were taken")
	}
	request = operator.RevokeRequest{}
	if err := complete(&request, empty, ""); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("an empty file is no token: %v", err)
	}
}

func TestAnInstantIsReadAsPeopleWriteIt(t *testing.T) {
	for _, before := range []string{"1800000000", "2027-01-15T08:00:00Z", "2027-01-15T09:00:00+01:00"} {
		request := operator.RevokeRequest{Subject: "alice"}
		if err := complete(&request, "", before); err != nil || request.Before.Unix() != 1_800_000_000 {
			t.Errorf("%s is read as %v, error %v", before, request.Before, err)
		}
	}
	for _, before := range []string{"yesterday", "0", "-1", "1e9", "2027-01-15", "999999999999999"} {
		if err := complete(&operator.RevokeRequest{}, "", before); err == nil || !strings.HasPrefix(err.Error(), "reading --before: ") {
			t.Errorf("%s is read, error %v", before, err)
		}
	}
}
