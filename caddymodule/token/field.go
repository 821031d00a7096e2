package token

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// fitsField reports whether a header field carries the text of a claim unchanged: a scalar
// as a field value, a list as a list of the same elements.
//
// Attack: a user creates the group "b,admins". An upstream reads a,b,admins as three
// groups, and so the user is in admins. Likewise a user of a group " admins" is in admins,
// because blanks around the elements of a list do not count (RFC 9110 §5.6.1).
func fitsField(value json.RawMessage, text string) bool {
	elements, isArray := strictjson.Elements(value)
	if !isArray {
		return isFieldValue(text)
	}
	for _, element := range elements {
		if text, ok := scalarText(element); !ok || strings.Contains(text, ",") || !isFieldValue(text) {
			return false
		}
	}
	return true
}

// isFieldValue reports whether every reader of a header field gets this text unchanged (RFC
// 9110 §5.5). It may hold letters of any script: they are sent as UTF-8, as in the token.
//
// Attack: a user registers as " admin". For an upstream this is "admin", because blanks
// around a field's value do not count. So is "admin" with a no-break space: the trim
// functions of many languages remove every blank of Unicode, and some characters that were
// blanks formerly. A Unicode line break ends the field for a server that splits lines by
// Unicode's rules.
func isFieldValue(text string) bool {
	for _, r := range text {
		if unicode.IsControl(r) && r != '\t' || r == '\u2028' || r == '\u2029' {
			return false
		}
	}
	first, _ := utf8.DecodeRuneInString(text)
	last, _ := utf8.DecodeLastRuneInString(text)
	return text == "" || !isBlank(first) && !isBlank(last)
}

// isBlank reports whether some trim function removes the character.
func isBlank(r rune) bool {
	switch r {
	case '\u180e', '\u200b', '\ufeff': // no longer blanks in Unicode
		return true
	}
	return unicode.IsSpace(r)
}
