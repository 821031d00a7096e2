package strictjson

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Names collects the names of an object's members and refuses duplicates. A duplicate
// equals an earlier name, or differs from it only in case, in the sense of
// strings.EqualFold. encoding/json reads such names as one member, other decoders as two.
// So "sid" next to "ſid" (U+017F) would be one session for the gate and another for the
// application. The zero Names is empty.
type Names struct {
	seen map[string]struct{}
}

// Add returns an error that wraps ErrDuplicate if name duplicates an earlier name. Its time
// does not depend on the number of names.
func (n *Names) Add(name string) error {
	if n.seen == nil {
		n.seen = make(map[string]struct{}, 16)
	}
	folded := Fold(name)
	if _, duplicate := n.seen[folded]; duplicate {
		return fmt.Errorf("scanning JSON: %w", ErrDuplicate)
	}
	n.seen[folded] = struct{}{}
	return nil
}

// Fold maps names to the same text if strings.EqualFold calls them equal. Names in
// lower-case ASCII do not change.
func Fold(name string) string {
	for i := range len(name) {
		if c := name[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return foldFrom(name, i)
		}
	}
	return name
}

func foldFrom(name string, i int) string {
	folded := make([]byte, i, len(name)+utf8.UTFMax)
	copy(folded, name)
	for _, r := range name[i:] {
		folded = utf8.AppendRune(folded, foldRune(r))
	}
	return string(folded)
}

// foldRune returns the smallest rune of r's case orbit, in lower case if that is an
// ASCII letter.
func foldRune(r rune) rune {
	smallest := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		smallest = min(smallest, next)
	}
	if 'A' <= smallest && smallest <= 'Z' {
		smallest += 'a' - 'A'
	}
	return smallest
}
