package redisstore

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"

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

// candidate returns a generation that a script gives to a log if that is not the same
// as before.
func candidate() string { return hex64(rand.Uint64() | 1) }

func hex64(v uint64) string {
	text := strconv.FormatUint(v, 16)
	return "0000000000000000"[len(text):] + text
}

// entry is an entry that was read.
type entry struct {
	store.Entry
	// previous is the tag of the entry before it, zero if that is not known or the
	// entry is the first of its generation.
	previous uint64
}

// rawEntry is an entry as it lies on the stream: its id, and its record. Further fields
// belong to newer versions, which say in a version byte whether an older gate may
// ignore them.
type rawEntry struct{ id, record []byte }

// parse reads the entry. Its position carries the generation under which it was
// appended. It shares no memory with what was read.
//
// Invariant: an entry is understood whole or is store.ErrUnreadable. It is never
// skipped, because it might revoke something.
func (r *rawEntry) parse() (e entry, err error) {
	if e, err = parseRecord(r.record); err == nil {
		e.Position.Seq, err = r.number()
	}
	if err != nil {
		return entry{}, fmt.Errorf("reading entry %q: %w", r.id, err)
	}
	return e, nil
}

func (r *rawEntry) number() (uint64, error) {
	digits, ok := bytes.CutSuffix(r.id, []byte("-0"))
	number, err := strconv.ParseUint(string(digits), 10, 64)
	if !ok || err != nil {
		return 0, fmt.Errorf("its id is not one of this store's: %w", store.ErrUnreadable)
	}
	return number, nil
}
