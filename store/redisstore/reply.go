package redisstore

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/sessiongate/sessiongate/store"
)

// reply is the unread rest of a raw reply, in the Redis serialization protocol, version
// 2. A cold start reads millions of entries, and go-redis' typed replies cost two dozen
// allocations for each.
type reply struct {
	raw  []byte
	read int // how much of it was read
	err  error
}

// header reads one line: its kind and its number. A nil reply is -1.
func (r *reply) header() (kind byte, number int) {
	if r.err != nil {
		return 0, 0
	}
	end := bytes.IndexByte(r.raw[r.read:], '\n')
	if end < 2 {
		r.err = errors.New("a reply cut short")
		return 0, 0
	}
	line := r.take(end + 1)
	number, err := strconv.Atoi(string(line[1 : end-1]))
	if err != nil || number < -1 {
		r.err = fmt.Errorf("%q in a reply", line)
		return 0, 0
	}
	return line[0], number
}

// array reads the beginning of an array, and returns how many elements follow.
func (r *reply) array() int {
	kind, n := r.header()
	// An element takes four bytes at the least.
	if r.err == nil && (kind != '*' || n < 0 || n > r.left()/4) {
		r.err = errors.New("no array in a reply that needs one")
	}
	if r.err != nil {
		return 0
	}
	return n
}

// bulk reads a string, which shares the memory of the reply. It is never nil
// without an error.
func (r *reply) bulk() []byte {
	kind, n := r.header()
	if r.err == nil && (kind != '$' || n < 0 || n > r.left()-2) {
		r.err = errors.New("no text in a reply that needs one")
	}
	if r.err != nil {
		return nil
	}
	return r.take(n + 2)[:n]
}

func (r *reply) take(n int) []byte {
	r.read += n
	return r.raw[r.read-n : r.read]
}

func (r *reply) left() int { return len(r.raw) - r.read }

// nilReply is the reply of a command that has no result.
const nilReply = "*-1\r\n"

// parseStream reads the reply to an XREAD of one stream: nil, or the entries.
func parseStream(raw []byte) ([]entry, error) {
	if string(raw) == nilReply {
		return nil, nil
	}
	r := &reply{raw: raw}
	if streams := r.array(); streams != 1 && r.err == nil {
		r.err = fmt.Errorf("%d streams", streams)
	}
	if parts := r.array(); parts != 2 && r.err == nil {
		r.err = fmt.Errorf("a stream of %d parts", parts)
	}
	r.bulk() // the key
	return r.entries()
}

// parseRange reads the reply to an XRANGE, or nil.
func parseRange(raw []byte) ([]entry, error) {
	if string(raw) == nilReply {
		return nil, nil
	}
	return (&reply{raw: raw}).entries()
}

// entries reads an array of entries.
func (r *reply) entries() ([]entry, error) {
	entries := make([]entry, 0, r.array())
	for range cap(entries) {
		raw := r.entry()
		if r.err != nil {
			break
		}
		e, err := raw.parse()
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	if r.err != nil {
		return nil, fmt.Errorf("reading entries: %w: %w", r.err, store.ErrUnreadable)
	}
	return entries, nil
}

func (r *reply) entry() (e rawEntry) {
	if parts := r.array(); parts != 2 && r.err == nil {
		r.err = fmt.Errorf("an entry of %d parts", parts)
	}
	e.id = r.bulk()
	fields := r.array()
	if fields%2 != 0 && r.err == nil {
		r.err = fmt.Errorf("an entry of %d names and values", fields)
	}
	for range fields / 2 {
		name := string(r.bulk())
		if value := r.bulk(); name == "r" {
			e.record = value
		}
	}
	return e
}
