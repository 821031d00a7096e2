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

func (p *parser) number(text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		p.fail("%q where a number belongs", text)
	}
	return n
}

func (p *parser) hex(text string) uint64 {
	n, err := strconv.ParseUint(text, 16, 64)
	if err != nil || len(text) != 16 {
		p.fail("%q where 16 hex digits belong", text)
	}
	return n
}

func (p *parser) generation(text string) store.Generation {
	generation := store.Generation(p.hex(text))
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

// rawEntry is an entry as it lies on the stream. A field that is missing is
// empty, which none of them may be.
type rawEntry struct {
	id, generation, tag, expires string
	payload                      string
}

// set takes over one field. Further fields are left to newer versions, which
// say in the payload's version byte whether an older gate may ignore them.
func (r *rawEntry) set(name, value string) {
	switch name {
	case "g":
		r.generation = value
	case "t":
		r.tag = value
	case "e":
		r.expires = value
	case "p":
		r.payload = value
	}
}

// parse reads the entry. Its position carries the generation under which it was
// appended.
//
// Invariant: an entry is understood whole or is store.ErrUnreadable; it is never
// skipped, for it might revoke something.
func (r *rawEntry) parse() (store.Entry, error) {
	var p parser
	number, ok := strings.CutSuffix(r.id, "-0")
	if !ok {
		p.fail("not one of this store")
	}
	e := store.Entry{
		Position: store.Position{Generation: p.generation(r.generation), Seq: p.number(number)},
		Tag:      p.hex(r.tag),
	}
	expires := p.number(r.expires)
	if p.err == nil {
		e.Revocations, p.err = store.UnmarshalRevocations([]byte(r.payload))
	}
	if p.err == nil && uint64(e.Expires()) != expires {
		p.fail("expiry %d, its revocations say %d", expires, e.Expires())
	}
	if p.err != nil {
		return store.Entry{}, fmt.Errorf("reading entry %q: %w", r.id, p.err)
	}
	return e, nil
}
