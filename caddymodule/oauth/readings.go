package oauth

import (
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/percent"
)

// isDocument reports whether a form begins as a JSON document does, encoded or not:
// with an object, a list, or a comment, which some readers skip. White space, control
// characters and bytes that are not ASCII may come before it, such as the byte order
// marks of UTF-8 and UTF-16.
//
// Attack: JSON declared as a form. For the gate it is one strange name. An endpoint
// that ignores the media type finds a refresh token in it.
func isDocument(form string) bool {
	for form != "" {
		c, width := octet(form)
		if c > ' ' && c < 0x7f {
			return c == '{' || c == '[' || c == '/'
		}
		form = form[width:]
	}
	return false
}

// holdsParameter reports whether a reader that parses a JSON document as a form finds a
// relevant parameter.
//
// Attack: {"a":"&refresh_token=…&b="}, if the media type is lost or ignored on the way. For
// the gate it is one irrelevant member.
func (n *Names) holdsParameter(doc string) bool {
	start, equals := 0, -1
	for i := 0; i <= len(doc); i++ {
		switch {
		case i == len(doc) || doc[i] == '&' || doc[i] == ';':
			if equals >= 0 {
				parameter := n.requestParameter(unescape(doc[start:equals]))
				if parameter != "" && (parameter != shortRefresh || i-equals > shortestToken) {
					return true
				}
			}
			start, equals = i+1, -1
		case doc[i] == '=' && equals < 0:
			equals = i
		}
	}
	return false
}

// unescape decodes percent escapes (and %u0072, as ASP does) as the most lenient reader
// would. Invalid escapes stay as they are.
func unescape(text string) string {
	if strings.IndexByte(text, '%') < 0 && strings.IndexByte(text, '+') < 0 {
		return text
	}
	decoded := make([]byte, 0, len(text))
	for text != "" {
		c, width := octet(text)
		decoded = append(decoded, c)
		text = text[width:]
	}
	return string(decoded)
}

// octet returns the first octet of a text in a form, and its width in characters. The
// text is not empty.
func octet(text string) (c byte, width int) {
	switch {
	case text[0] == '+':
		return ' ', 1
	case text[0] != '%':
		return text[0], 1
	}
	start := 1
	if len(text) >= 4 && (text[1] == 'u' || text[1] == 'U') && text[2:4] == "00" {
		start = 4
	}
	if len(text) >= start+2 {
		if c, ok := percent.Octet(text[start], text[start+1]); ok {
			return c, start + 2
		}
	}
	return '%', 1
}
