package redisstore

import (
	"context"
	"fmt"

	"github.com/sessiongate/sessiongate/store"
)

// Limits of one page: so many entries, and so many bytes unless one entry has more.
const (
	pageEntries = 4096
	pageBytes   = 1 << 20
)

// page asks the script for the entries after a position. The script sees head and log
// as of one instant.
func (s *Store) page(ctx context.Context, after store.Position) (store.Batch, error) {
	generation := ""
	if after != (store.Position{}) {
		generation = hex64(uint64(after.Generation))
	}
	answer, err := s.run(ctx, s.reader, readScript, s.keys, candidate(), generation, after.Seq,
		hex64(after.Tag), pageEntries, pageBytes)
	if err != nil {
		return store.Batch{}, err
	}
	fields, ok := answer.([]any)
	if !ok || len(fields) != 8 {
		return store.Batch{}, fmt.Errorf("a %T where the head belongs: %w", answer, store.ErrUnreadable)
	}
	var p parser
	h := head{
		Position: store.Position{Generation: p.generation(text(fields[0])), Seq: p.number(text(fields[1])), Tag: p.hex(text(fields[2]))},
		trimmed:  p.number(text(fields[3])),
		born:     p.number(text(fields[4])),
		large:    p.number(text(fields[5])),
	}
	if p.err != nil {
		return store.Batch{}, fmt.Errorf("reading head: %w", p.err)
	}
	entries, err := parseRange([]byte(text(fields[7])))
	if err != nil {
		return store.Batch{}, err
	}
	batch, err := h.batch(after, entries, fields[6] == int64(1))
	if err == nil {
		s.last.Store(&h)
	}
	return batch, err
}

// text returns the text in a reply, or nothing.
func text(v any) string {
	s, _ := v.(string)
	return s
}
