package strictjson

import "fmt"

var (
	errSyntax    = fmt.Errorf("scanning JSON: %w", ErrSyntax)
	errDepth     = fmt.Errorf("scanning JSON: %w", ErrDepth)
	errNotObject = fmt.Errorf("scanning JSON: %w", ErrNotObject)
)

// grammar checks a text against RFC 8259. It allocates nothing, stops at the first
// fault, and goes no deeper than its limit.
//
// Attack: an 8 KiB token of brackets. encoding/json's Valid keeps a stack of the depth
// that the sender chooses, and takes several times as long for any text.
type grammar struct {
	doc []byte
	at  int
}

// check returns an error unless a text is one JSON value that is nested no deeper than
// maxDepth. The text must be valid UTF-8.
func check(doc []byte, maxDepth int) error {
	g := grammar{doc: doc}
	if err := g.value(maxDepth); err != nil {
		return err
	}
	if g.next(); g.at < len(g.doc) {
		return errSyntax
	}
	return nil
}

// next skips space and returns the octet after it. At the end it returns 0, which begins
// and ends nothing in JSON.
func (g *grammar) next() byte {
	for ; g.at < len(g.doc); g.at++ {
		if c := g.doc[g.at]; !isSpace(c) {
			return c
		}
	}
	return 0
}

// value skips a value that may have this many levels.
func (g *grammar) value(levels int) error {
	sound := false
	switch c := g.next(); c {
	case '{':
		return g.list('}', levels, true)
	case '[':
		return g.list(']', levels, false)
	case '"':
		sound = g.text()
	case 't':
		sound = g.word("true")
	case 'f':
		sound = g.word("false")
	case 'n':
		sound = g.word("null")
	default:
		sound = g.number()
	}
	if !sound {
		return errSyntax
	}
	return nil
}

// list skips an array, or an object, in which a name and a colon come before each value.
func (g *grammar) list(end byte, levels int, named bool) error {
	if levels == 0 {
		return errDepth
	}
	g.at++
	if g.next() == end {
		g.at++
		return nil
	}
	for {
		if named && !g.name() {
			return errSyntax
		}
		if err := g.value(levels - 1); err != nil {
			return err
		}
		c := g.next()
		if c != ',' && c != end {
			return errSyntax
		}
		g.at++
		if c == end {
			return nil
		}
	}
}

func (g *grammar) name() bool {
	if g.next() != '"' || !g.text() || g.next() != ':' {
		return false
	}
	g.at++
	return true
}

func (g *grammar) word(word string) bool {
	if end := min(g.at+len(word), len(g.doc)); string(g.doc[g.at:end]) != word {
		return false
	}
	g.at += len(word)
	return true
}

// text skips a string.
func (g *grammar) text() bool {
	for g.at++; g.at < len(g.doc); g.at++ {
		switch c := g.doc[g.at]; {
		case c == '"':
			g.at++
			return true
		case c < ' ':
			return false
		case c == '\\':
			if !g.escape() {
				return false
			}
		}
	}
	return false
}

// escape skips an escape up to its last octet.
func (g *grammar) escape() bool {
	g.at++
	if g.at >= len(g.doc) {
		return false
	}
	switch g.doc[g.at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		_, ok := hex4(g.doc[g.at+1:])
		g.at += 4
		return ok
	default:
		return false
	}
}

func (g *grammar) number() bool {
	if g.octet() == '-' {
		g.at++
	}
	if g.octet() == '0' {
		g.at++
	} else if !g.digits() {
		return false
	}
	if g.octet() == '.' {
		g.at++
		if !g.digits() {
			return false
		}
	}
	if c := g.octet(); c != 'e' && c != 'E' {
		return true
	}
	g.at++
	if c := g.octet(); c == '+' || c == '-' {
		g.at++
	}
	return g.digits()
}

// digits skips one digit or more.
func (g *grammar) digits() bool {
	from := g.at
	for c := g.octet(); '0' <= c && c <= '9'; c = g.octet() {
		g.at++
	}
	return g.at > from
}

// octet returns the current octet, or 0 at the end.
func (g *grammar) octet() byte {
	if g.at < len(g.doc) {
		return g.doc[g.at]
	}
	return 0
}
