package redisstore

import (
	"context"
	"fmt"

	"github.com/sessiongate/sessiongate/store"
)

// page asks the script, which sees head and log as of one instant, for up to
// count entries after a position.
func (s *Store) page(ctx context.Context, after store.Position, count int) (store.Batch, error) {
	generation := ""
	if after != (store.Position{}) {
		generation = hex64(uint64(after.Generation))
	}
	reply, err := s.run(ctx, s.reader, readScript, s.keys, candidate(), generation, after.Seq, count)
	if err != nil {
		return store.Batch{}, err
	}
	fields, ok := reply.([]any)
	if !ok || len(fields) != 5 {
		return store.Batch{}, fmt.Errorf("a %T where the head belongs: %w", reply, store.ErrUnreadable)
	}
	var p parser
	h := head{
		Position: store.Position{Generation: p.generation(text(fields[0])), Seq: p.number(text(fields[1]))},
		trimmed:  p.number(text(fields[2])),
		born:     p.number(text(fields[3])),
	}
	if p.err != nil {
		return store.Batch{}, fmt.Errorf("reading head: %w", p.err)
	}
	elements, _ := fields[4].([]any)
	entries := make([]store.Entry, 0, len(elements))
	for _, element := range elements {
		raw := entryOf(element)
		e, err := raw.parse()
		if err != nil {
			return store.Batch{}, err
		}
		entries = append(entries, e)
	}
	batch, err := h.batch(after, entries, count)
	if err == nil {
		s.last.Store(&h)
	}
	return batch, err
}

// entryOf reads one element of XRANGE: the id and the fields. What is not there
// stays empty, and does not parse.
func entryOf(element any) (e rawEntry) {
	pair, ok := element.([]any)
	if !ok || len(pair) != 2 {
		return e
	}
	e.id = []byte(text(pair[0]))
	fields, _ := pair[1].([]any)
	for i := 0; i+1 < len(fields); i += 2 {
		if value, ok := fields[i+1].(string); ok {
			e.set(text(fields[i]), []byte(value))
		}
	}
	return e
}

// text is the text in a reply, or nothing.
func text(v any) string {
	s, _ := v.(string)
	return s
}
