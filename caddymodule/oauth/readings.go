package oauth

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// isDocument reports whether a form begins as a JSON document does, encoded or not:
// behind white space and a byte order mark, of UTF-16 too, with an object, a list, or
// a remark, which some readers skip.
//
// Attack: JSON that is said to be a form. To the gate it is one strange name, and an
// endpoint that does not look at what is said finds a refresh token in it.
func isDocument(form string) bool {
	start := strings.TrimLeftFunc(unescape(form), func(c rune) bool {
		return c <= ' ' || c == '\ufeff' || c == utf8.RuneError
	})
	return start != "" && strings.IndexByte("{[/", start[0]) >= 0
}

// holdsParameter reports whether somebody who reads a JSON document as a form finds
// a parameter that matters.
//
// Attack: {"a":"&refresh_token=…&b="} where the media type is lost on the way, or not
// looked at. To the gate it is one member that does not matter.
func holdsParameter(doc string) bool {
	for pair := range strings.SplitSeq(strings.ReplaceAll(doc, ";", "&"), "&") {
		if name, _, isPair := strings.Cut(pair, "="); isPair && matters(unescape(name)) != "" {
			return true
		}
	}
	return false
}

// unescape decodes what is percent-encoded (%u0072, too, as ASP does) as the most
// lenient reader would: what encodes nothing stays.
func unescape(text string) string {
	var decoded strings.Builder
	for i := 0; i < len(text); i++ {
		switch c, width := escaped(text[i:]); {
		case width > 0:
			decoded.WriteByte(c)
			i += width - 1
		case text[i] == '+':
			decoded.WriteByte(' ')
		default:
			decoded.WriteByte(text[i])
		}
	}
	return decoded.String()
}

// escaped returns the octet that is encoded at the beginning of a text, and in how
// many characters; in none if there is none.
func escaped(text string) (c byte, width int) {
	for _, prefix := range []string{"%u00", "%U00", "%"} {
		if rest, ok := strings.CutPrefix(text, prefix); ok && len(rest) >= 2 {
			if octet, err := hex.DecodeString(rest[:2]); err == nil {
				return octet[0], len(prefix) + 2
			}
		}
	}
	return 0, 0
}
