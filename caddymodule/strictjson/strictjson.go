// Package strictjson reads JSON objects that an adversary wrote.
//
// The decoders that people usually meet disagree on the odd corners of JSON:
// which of two members with one name wins, whether "sid" and "SID" are one
// name, what becomes of invalid UTF-8. Where a gate and the application behind
// it disagree, one of them can be told a lie. So this package offers no choice:
// a document has one meaning, or it is refused.
package strictjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxDepth is how deep the documents of this gate may be nested; an object
// without an object or array inside has depth 1.
const MaxDepth = 32

// What makes Scan refuse a document. A visitor's own errors are returned as
// they are.
var (
	// ErrSyntax: not valid UTF-8, not valid JSON (RFC 8259), or trailing data.
	ErrSyntax = errors.New("not valid JSON")
	// ErrNotObject: valid JSON, but an array, a scalar or null.
	ErrNotObject = errors.New("not a JSON object")
	// ErrDepth: nested deeper than allowed.
	ErrDepth = errors.New("nested too deep")
	// ErrTwin: two members have one name, or names that differ in case only.
	ErrTwin = errors.New("two members share a name")
)

// Scan calls visit for every member of the one JSON object that doc holds, in
// their order, members with the same name included. The name is decoded; the
// value is the member's own text without the space around it, valid JSON, and
// shares doc's memory. An error of visit ends the scan and is returned.
//
// Nothing is visited unless the whole of doc is sound: valid UTF-8, one JSON
// object, no trailing data, nested no deeper than maxDepth.
func Scan(doc []byte, maxDepth int, visit func(name string, value json.RawMessage) error) error {
	if !utf8.Valid(doc) {
		return errSyntax
	}
	if err := check(doc, maxDepth); err != nil {
		return err
	}
	s := scanner{doc: doc}
	s.skipSpace()
	if s.doc[s.at] != '{' {
		return fmt.Errorf("scanning JSON: %w", ErrNotObject)
	}
	return s.object(visit)
}

// Text decodes value if it is a JSON string. Escapes of lone surrogates become
// U+FFFD, as encoding/json does it: a caller to whom two such texts must not
// be one has to refuse U+FFFD.
func Text(value json.RawMessage) (text string, ok bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	return unquote(value), true
}

// Elements returns the elements of value if it is a JSON array, each its own
// text. They share value's memory.
func Elements(value json.RawMessage) (elements []json.RawMessage, ok bool) {
	if len(value) < 2 || value[0] != '[' {
		return nil, false
	}
	s := scanner{doc: value, at: 1}
	for s.skipSpace(); s.doc[s.at] != ']'; s.skipSpace() {
		if s.doc[s.at] == ',' {
			s.at++
			s.skipSpace()
		}
		elements = append(elements, s.value())
	}
	return elements, true
}
