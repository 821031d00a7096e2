package caddymodule_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// goldenCaddyfiles returns the Caddyfiles of testdata/adapt that adapt.
func goldenCaddyfiles(t *testing.T) (good string) {
	t.Helper()
	files, err := filepath.Glob("testdata/adapt/*.caddyfiletest")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(filepath.Base(file), "error_") {
			caddyfile, _, _ := strings.Cut(string(text), adaptSeparator)
			good += caddyfile + "\n"
		}
	}
	return good
}

// Each word of the Caddyfile is in a golden file, so that its JSON cannot change unnoticed, and
// in docs/configuration.md, so that an operator finds it. So is each place of a token.
func TestEveryWordIsInAGoldenFileAndInTheDocumentation(t *testing.T) {
	documentation, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	good := goldenCaddyfiles(t)
	words := []string{"token header", "token cookie", "token query", "token websocket_protocol"}
	for _, block := range []string{"app", "issuer", "gate", "token_endpoint"} {
		words = append(words, syntaxes[block].known(t)...)
	}
	for _, word := range words {
		line := regexp.MustCompile(`(?m)^\s*` + word + `\b`)
		if !line.MatchString(good) {
			t.Errorf("no golden file has a line %q", word)
		}
		// A word that excludes another one, or is off by default, is a comment there.
		if where := regexp.MustCompile(`(?m)^\s*(#\s*)?` + word + `\b|` + "`" + word + `[ ` + "`]"); !where.MatchString(string(documentation)) {
			t.Errorf("docs/configuration.md has no line %q", word)
		}
	}
}
