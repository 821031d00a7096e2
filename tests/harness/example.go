package harness

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ExampleSession is the session that the examples of the API page end.
const ExampleSession = "1234567890"

// Example returns an example of the API page, unchanged except for the host and the token.
func Example(t *testing.T, name string, g *Gate, token string) string {
	t.Helper()
	return strings.NewReplacer("https://api.example.com", g.URL(""), "your_access_token", token).Replace(Testdata(t, name))
}

// Testdata returns the text of a file of tests/testdata, which several packages use.
func Testdata(tb testing.TB, name string) string {
	tb.Helper()
	root, err := Root()
	if err != nil {
		tb.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "tests", "testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}
