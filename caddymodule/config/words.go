package config

import (
	"errors"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Words are the subdirectives of one block of a Caddyfile, by name: at least one. See
// NoBlock for none.
type Words map[string]Word

// Word is one subdirective.
type Word struct {
	// Usage is a line that shows how the word is written. Errors quote it. Required.
	Usage string
	// Read reads the values. The dispenser is at the word when Read is called, and must
	// be at the last token of the line, or of the block, when Read returns. Required.
	Read func(*caddyfile.Dispenser) error
	// Repeatable says that the word may be given more than once, so that Read collects.
	// Default: false.
	Repeatable bool
}

// Errors of a Caddyfile use three phrases, each followed by what to write instead.
const (
	errUnrecognized = "unrecognized subdirective %q; %s"
	errSpecified    = "%s already specified; it may be given once: %s"
	errParsing      = "parsing %s: %w"
)

// placedError is an error that already names its word and its line, so that the blocks
// around it add nothing.
type placedError struct{ error }

// Unwrap returns what the error wraps.
func (e placedError) Unwrap() error { return e.error }

// Placed marks an error that already names its word and its line: Words.Read returns
// it as it is.
func Placed(err error) error { return placedError{err} }

// Parsing returns the error of wrong values: "parsing NAME: ERR", with the line of the
// dispenser.
func Parsing(d *caddyfile.Dispenser, name string, err error) error {
	return Placed(d.Errf(errParsing, name, err))
}

// Specified returns the error of a word that is given twice, with its usage.
func Specified(d *caddyfile.Dispenser, name, usage string) error {
	return Placed(d.Errf(errSpecified, name, usage))
}

// Block is a block of a Caddyfile with words of its own.
type Block struct {
	// Name tells an operator where the block is: "the block of an issuer".
	Name  string
	Words Words
}

// Read reads the block that follows the current line of the dispenser, if there is one.
// An unknown word, or one that is given twice, is an error with the remedy. If the word is
// one of another block, the remedy names that block.
func (w Words) Read(d *caddyfile.Dispenser, others ...Block) error {
	seen := map[string]bool{}
	before := ""
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		word, known := w[name]
		if !known {
			return w.unrecognized(d, before, others)
		}
		if seen[name] && !word.Repeatable {
			return Specified(d, name, word.Usage)
		}
		before, seen[name] = name, true
		if err := word.Read(d); err != nil {
			if placed := (placedError{}); errors.As(err, &placed) {
				return placed
			}
			return Parsing(d, name, fmt.Errorf("%w; write: %s", err, word.Usage))
		}
	}
	return nil
}

// unrecognized returns the error of the word at the dispenser. A brace follows a word
// without a block.
func (w Words) unrecognized(d *caddyfile.Dispenser, before string, others []Block) error {
	name, remedy := d.Val(), ""
	isThere := func(b Block) bool { _, there := b.Words[name]; return there }
	other := slices.IndexFunc(others, isThere)
	switch {
	case name == "{" && before != "":
		remedy = before + " has no block"
	case other >= 0:
		remedy = fmt.Sprintf("it belongs in %s: %s", others[other].Name, others[other].Words[name].Usage)
	default:
		remedy = w.suggest(name)
	}
	return Placed(d.Errf(errUnrecognized, name, remedy))
}

// NoBlock refuses a block, for modules and directives that have no words.
func NoBlock(d *caddyfile.Dispenser, name string) error {
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		return Placed(d.Errf(errUnrecognized, d.Val(), name+" has no block"))
	}
	return nil
}
