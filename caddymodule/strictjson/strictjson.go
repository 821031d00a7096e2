// Package strictjson reads JSON objects that an adversary wrote.
//
// Common decoders disagree on the odd corners of JSON: which of two members with one
// name wins, whether "sid" and "SID" are one name, what happens to invalid UTF-8. If a
// gate and the application behind it disagree, an attacker can lie to one of them. So
// this package offers no choice: a document has one meaning, or it is refused.
package strictjson

import (
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// MaxDepth is how deep the documents of this gate may be nested; an object
// without an object or array inside has depth 1.
const MaxDepth = 32

// The errors with which Scan refuses a document. Errors of a visitor are returned
// unchanged.
var (
	// ErrSyntax: not valid UTF-8, not valid JSON (RFC 8259), or trailing data.
	ErrSyntax = errors.New("not valid JSON")
	// ErrNotObject: valid JSON, but an array, a scalar or null.
	ErrNotObject = errors.New("not a JSON object")
	// ErrDepth: nested deeper than allowed.
	ErrDepth = errors.New("nested too deep")
	// ErrDuplicate: two members have the same name, or names that differ only in case.
	ErrDuplicate = errors.New("two members share a name")
)

// Scan reads the one JSON object that doc holds and calls visit for its members,
// as Parse and Members do.
func Scan(doc []byte, maxDepth int, visit func(name string, value json.RawMessage) error) error {
	o, err := Parse(doc, maxDepth)
	if err != nil {
		return err
	}
	return o.Members(visit)
}

// Object is a valid JSON object. It shares the memory of its document.
type Object struct {
	doc []byte // begins at the brace
}

// Parse returns the one JSON object that doc holds. It checks all of doc: valid UTF-8,
// one JSON object, no trailing data, nested no deeper than maxDepth. It allocates
// nothing, whatever doc holds.
func Parse(doc []byte, maxDepth int) (Object, error) {
	if !utf8.Valid(doc) {
		return Object{}, errSyntax
	}
	if err := check(doc, maxDepth); err != nil {
		return Object{}, err
	}
	s := scanner{doc: doc}
	if s.skipSpace(); s.doc[s.at] != '{' {
		return Object{}, errNotObject
	}
	return Object{doc: doc[s.at:]}, nil
}

// Members calls visit for every member, in order, including members with the same name.
// The name is decoded. The value is the text of the member without the space around it;
// it is valid JSON, and shares the document's memory. An error of visit stops it and is
// returned.
func (o Object) Members(visit func(name string, value json.RawMessage) error) error {
	s := scanner{doc: o.doc}
	return s.object(func(quoted []byte, value json.RawMessage) error { return visit(unquote(quoted), value) })
}

// First returns the value of the first member with each name, nil if there is none. The
// names have no backslash. It stores nothing of the other members, and does not report
// whether there is a second one with the name.
func (o Object) First(names ...string) []json.RawMessage {
	values := make([]json.RawMessage, len(names))
	s := scanner{doc: o.doc}
	_ = s.object(func(quoted []byte, value json.RawMessage) error { // this visit returns no error
		for i, name := range names {
			if values[i] == nil && spells(quoted, name) {
				values[i] = value
			}
		}
		return nil
	})
	return values
}

// Text decodes value if it is a JSON string. Escapes of lone surrogates become U+FFFD,
// as in encoding/json. A caller that must tell two such texts apart has to refuse
// U+FFFD.
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
