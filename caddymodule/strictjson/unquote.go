package strictjson

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// unquote decodes a valid JSON string, quotes included. Lone surrogates become
// U+FFFD.
func unquote(quoted []byte) string {
	text := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text)
	}
	// No escape is shorter than its character.
	return string(appendUnquoted(make([]byte, 0, len(text)), text))
}

// appendUnquoted appends the decoded inside of a valid JSON string.
func appendUnquoted(decoded, text []byte) []byte {
	for {
		plain := bytes.IndexByte(text, '\\')
		if plain < 0 {
			return append(decoded, text...)
		}
		decoded = append(decoded, text[:plain]...)
		var r rune
		r, text = unescape(text[plain:])
		decoded = utf8.AppendRune(decoded, r)
	}
}

// spells reports whether a valid JSON string, quotes included, decodes to a name without a
// backslash. It decodes the string only if its length allows that.
func spells(quoted []byte, name string) bool {
	text := quoted[1 : len(quoted)-1]
	if len(text) <= len(name) || len(text) > len(`\u0000`)*len(name) {
		return string(text) == name
	}
	if bytes.IndexByte(text, '\\') < 0 {
		return false
	}
	var room [64]byte // on the stack, for names of the usual length
	return string(appendUnquoted(room[:0], text)) == name
}

// unescape decodes the escape at the beginning of a text, and returns the rest. A pair
// of surrogates is one escape.
func unescape(text []byte) (rune, []byte) {
	switch c := text[1]; c {
	case 'b':
		return '\b', text[2:]
	case 'f':
		return '\f', text[2:]
	case 'n':
		return '\n', text[2:]
	case 'r':
		return '\r', text[2:]
	case 't':
		return '\t', text[2:]
	case 'u':
	default:
		return rune(c), text[2:]
	}
	first, _ := hex4(text[2:])
	text = text[6:]
	if !utf16.IsSurrogate(first) {
		return first, text
	}
	if bytes.HasPrefix(text, []byte(`\u`)) {
		second, _ := hex4(text[2:])
		if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
			return r, text[6:]
		}
	}
	return utf8.RuneError, text
}

// hex4 reads the four hexadecimal digits that a text begins with.
func hex4(text []byte) (r rune, ok bool) {
	if len(text) < 4 {
		return 0, false
	}
	for _, c := range text[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
