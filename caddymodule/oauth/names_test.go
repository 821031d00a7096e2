package oauth

import (
	"slices"
	"testing"
	"unicode"
)

// matchName rejects names that are too long for every relevant name.
func TestRelevantNamesAreWithinTheBounds(t *testing.T) {
	for _, name := range slices.Concat(requestNames, responseNames) {
		if len(name) > longestName || matchName(name, name) != name || foldName(name) != name {
			t.Errorf("%s has %d letters", name, len(name))
		}
	}
}

// Attack: a letter beyond ASCII that a case-insensitive reader reads as a letter of a
// parameter's name.
func TestEachLetterFoldsAsStringsDoes(t *testing.T) {
	want := make(map[rune]byte)
	for _, c := range "abcdefghijklmnopqrstuvwxyz0123456789" {
		want[c] = byte(c)
		for r := unicode.SimpleFold(c); r != c; r = unicode.SimpleFold(r) {
			want[r] = byte(c)
		}
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if got := fold(r); got != want[r] {
			t.Errorf("%U is read as %q, want %q", r, got, want[r])
		}
	}
}
