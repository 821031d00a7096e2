package redisstore

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sessiongate/sessiongate/store"
)

// parser reads numbers from replies and keeps the first error. Its errors wrap
// store.ErrUnreadable.
type parser struct{ err error }

func (p *parser) text(v any) string {
	text, ok := v.(string)
	if !ok {
		p.fail("a %T where text belongs", v)
	}
	return text
}

func (p *parser) number(v any) uint64 {
	text := p.text(v)
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		p.fail("%q where a number belongs", text)
	}
	return n
}

func (p *parser) hex(v any) uint64 {
	text := p.text(v)
	n, err := strconv.ParseUint(text, 16, 64)
	if err != nil || len(text) != 16 {
		p.fail("%q where 16 hex digits belong", text)
	}
	return n
}

func (p *parser) generation(v any) store.Generation {
	generation := store.Generation(p.hex(v))
	if generation == 0 {
		p.fail("generation 0")
	}
	return generation
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), store.ErrUnreadable)
	}
}

// parseEntry reads one element of XRANGE and XREAD: the id and the fields. The
// position carries the generation under which the entry was appended.
//
// Invariant: an entry is understood whole or is store.ErrUnreadable; it is never
// skipped, for it might revoke something.
func parseEntry(element any) (store.Entry, error) {
	var p parser
	pair, ok := element.([]any)
	if !ok || len(pair) != 2 {
		p.fail("an entry that is no pair")
		return store.Entry{}, p.err
	}
	id := p.text(pair[0])
	fields, _ := pair[1].([]any)
	var generation, tag, expires, payload any
	for i := 0; i+1 < len(fields); i += 2 {
		switch fields[i] {
		case "g":
			generation = fields[i+1]
		case "t":
			tag = fields[i+1]
		case "e":
			expires = fields[i+1]
		case "p":
			payload = fields[i+1]
		}
	}
	number, ok := strings.CutSuffix(id, "-0")
	if !ok {
		p.fail("id %q", id)
	}
	e := store.Entry{
		Position: store.Position{Generation: p.generation(generation), Seq: p.number(number)},
		Tag:      p.hex(tag),
	}
	expiry, bytes := p.number(expires), p.text(payload)
	if p.err == nil {
		e.Revocations, p.err = store.UnmarshalRevocations([]byte(bytes))
	}
	if p.err == nil && uint64(e.Expires()) != expiry {
		p.fail("expiry %d, its revocations say %d", expiry, e.Expires())
	}
	if p.err != nil {
		return store.Entry{}, fmt.Errorf("reading entry %q: %w", id, p.err)
	}
	return e, nil
}

// parseEntries reads the elements of XRANGE or XREAD.
func parseEntries(reply any) ([]store.Entry, error) {
	elements, ok := reply.([]any)
	if !ok {
		var p parser
		p.fail("a %T where entries belong", reply)
		return nil, p.err
	}
	entries := make([]store.Entry, 0, len(elements))
	for _, element := range elements {
		e, err := parseEntry(element)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}
