package token

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// fitsField reports whether the text of a claim arrives as it is in a header
// field: a scalar as a field value, a list as a list of the same elements.
//
// Attack: a user creates the group "b,admins". An upstream that reads a,b,admins takes it for
// two groups. A user of a group " admins" is in admins, because blanks around the elements of
// a list are not part of them (RFC 9110 §5.6.1).
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
// 9110 §5.5). Letters of any script may be in it: they are sent as UTF-8, as in the token.
//
// Attack: a user who registers as " admin" is "admin" to an upstream, because the blanks
// around a field's value are not part of it. So is "admin" with a no-break space: the trim
// functions of many languages remove every blank of Unicode, and some characters that once
// were blanks. A line break of Unicode ends the field for a server that splits lines by
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
	case '\u180e', '\u200b', '\ufeff': // not blanks in today's Unicode
		return true
	}
	return unicode.IsSpace(r)
}
