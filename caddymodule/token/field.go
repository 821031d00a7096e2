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
// Attack: a user who may found the group "b,admins" and is in "a" and in that one
// is in three groups for an upstream that reads a,b,admins; and one of a group
// " admins" is in admins, because blanks around the elements of a list are not
// part of them (RFC 9110 §5.6.1).
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

// isFieldValue reports whether a text is the same to whoever reads it from a
// header field (RFC 9110 §5.5). Letters of any script are: they are sent as the
// UTF-8 that they are in the token.
//
// Attack: a user who registers as " admin" is "admin" to an upstream, because
// the blanks around a field's value are not part of it. So is "admin" with a
// no-break space, for the trim functions of many languages take away what Unicode
// knows of blanks, and some of what it once did. And what ends a line in Unicode
// ends a field for those that split a head with its rules.
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

// isBlank reports whether some trim function takes a character away.
func isBlank(r rune) bool {
	switch r {
	case '\u180e', '\u200b', '\ufeff': // no blanks of today's Unicode
		return true
	}
	return unicode.IsSpace(r)
}
