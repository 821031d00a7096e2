package caddymodule

import (
	"slices"
	"strings"
)

// How many dot-dots, and segments in all, of a path are followed (invariant 12).
// A DELETE in which more of them leave the question open is nobody's ordinary
// request.
const (
	maxPops     = 63
	maxSegments = 256
)

// resembles reports whether some reader could take an escaped path for another
// one, which is absolute, clean and plain, or, if that ends in belowMark, for one
// below it, or, if it ends in formatMark, for it with a format. What comes of a path
// depends on what is done with it, and in which order: decoding (once, or more often,
// and overlong forms too), parting at backslashes, dropping parameters, trailing
// blanks and empty segments, cutting at NUL and where a query or a fragment would
// begin, ignoring letter case, and taking back a segment for each dot-dot.
//
// Attack: DELETE /v1/auth/;/../session, or %23/.., or %252e%252e/.., or a\b/..,
// or //.., out of which one reader makes the endpoint, and another, who drops,
// decodes or parts first, takes back more or less. So all of them are followed
// at once.
func resembles(escaped, path string) bool {
	path, below := endpoint(path).isBelow()
	path, formats := strings.CutSuffix(path, formatMark)
	r := newReadings(strings.Split(caseless(path)[1:], "/"))
	r.below, r.formats = below, formats
	for raw := range strings.SplitSeq(escaped, "/") {
		decoded := decodePercent(raw)
		at := begins
		for segment := range strings.SplitSeq(slashed(decoded), "/") {
			plain := segment == raw
			if end := strings.IndexAny(segment, "\x00?#;"); end >= 0 && r.ended(segment[:end], at) {
				return true
			}
			r.read(segment, plain, at)
			if at = max(at, inside); strings.Contains(segment, ";") {
				at = parameter
			}
			switch {
			case r.settled():
				return false
			case r.pops > maxPops || r.segments > maxSegments:
				return true
			}
		}
	}
	return r.found()
}

// slashed has slashes for backslashes, at the price of one pass: strings.Replace takes
// ten times as long for many of them.
func slashed(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	octets := []byte(text)
	for i, c := range octets {
		if c == '\\' {
			octets[i] = '/'
		}
	}
	return string(octets)
}

// place is where in what stands between two slashes a segment was found: behind
// a separator that to some is none, or in what to some is a parameter.
type place uint8

const (
	begins place = iota
	inside
	parameter
)

// readings are all the things that the segments so far may have become: a number
// of segments of the wanted path, and on top of them a number of others, which
// dot-dots must take back.
type readings struct {
	want []string
	// at has, for each number of wanted segments, a bit for each number of
	// others on top; before is what it was without the last segment.
	at, before     []uint64
	pops, segments int
	// below says that others may stay on top, but there must be some; deep, that
	// more of them are there than dot-dots are followed.
	below, deep bool
	// formats says that the last segment may have a format at its end.
	formats bool
}

func newReadings(want []string) *readings {
	r := &readings{want: want, at: make([]uint64, len(want)+1), before: make([]uint64, len(want)+1)}
	r.at[0] = 1
	return r
}

func (r *readings) found() bool {
	tops := r.at[len(r.want)]
	if r.below {
		return r.deep || tops&^1 != 0
	}
	return tops&1 != 0
}

// settled reports whether nothing that follows can make the path of it: there are
// more others on top than dot-dots are followed.
func (r *readings) settled() bool {
	return !r.deep && !slices.ContainsFunc(r.at, func(tops uint64) bool { return tops != 0 })
}

// ended reports whether the path is found if it ends with this segment.
func (r *readings) ended(segment string, at place) bool {
	end := newReadings(r.want)
	end.below, end.deep, end.formats = r.below, r.deep, r.formats
	copy(end.at, r.at)
	end.read(segment, false, at)
	return end.found()
}

// read adds a segment. A plain one is the same before and after decoding.
func (r *readings) read(segment string, plain bool, at place) {
	r.segments++
	name, _, _ := strings.Cut(segment, ";")
	name = strings.TrimRightFunc(name, func(c rune) bool { return c <= ' ' || c == 0x7f })
	// To a router that matches prefixes, what is below is below, dots and all.
	plain = plain && segment == name && !r.below
	if plain && name == "." {
		return
	}
	copy(r.before, r.at)
	clear(r.at)
	if name == ".." {
		r.pops++
		r.pop()
		if plain {
			return
		}
	}
	r.deep = r.deep || r.below && r.before[len(r.want)]>>63 != 0
	folded := caseless(name)
	for i, tops := range r.before {
		// Whatever it is, it may count as one of the others.
		r.at[i] |= tops << 1
		switch {
		case name == "" || name == "." || at == parameter:
			r.at[i] |= tops // or as nothing
		case at == inside:
			r.at[i] |= tops &^ 1 // or as the end of the one before
		}
		if i < len(r.want) && tops&1 != 0 && r.is(folded, i) {
			r.at[i+1] |= 1
		}
	}
}

// is reports whether a segment, without case, is that of the wanted path at i.
func (r *readings) is(folded string, i int) bool {
	format, ok := strings.CutPrefix(folded, r.want[i])
	return ok && (format == "" || r.formats && i == len(r.want)-1 && format[0] == '.')
}

// pop takes a segment back; above the root there is nothing to take.
func (r *readings) pop() {
	for i, tops := range r.before {
		r.at[i] |= tops >> 1
		if tops&1 != 0 {
			r.at[max(i-1, 0)] |= 1
		}
	}
}

// caseless makes one spelling of those that are one in lower or in upper case.
//
// Attack: DELETE /v1/auth/sess%C4%B0on. U+0130 is "i" in lower case, which is
// where Caddy's own path matcher compares, and U+0131 is "I" in upper case.
func caseless(p string) string { return strings.ToLower(strings.ToUpper(p)) }
