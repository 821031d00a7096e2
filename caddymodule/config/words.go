package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// Errors of the Caddyfile use three phrases, each followed by what to write
// instead.
const (
	errUnrecognized = "unrecognized subdirective %q; %s"
	errSpecified    = "%s already specified; it may be given once: %s"
	errParsing      = "parsing %s: %w"
)

// placedError is an error that names its word and its place already, so that the
// blocks around it add nothing.
type placedError struct{ error }

// Unwrap returns what the error wraps.
func (e placedError) Unwrap() error { return e.error }

// Placed marks an error that names its word and its place already.
func Placed(err error) error { return placedError{err} }

// Parsing says that the values of a word are wrong.
func Parsing(d *caddyfile.Dispenser, name string, err error) error {
	return Placed(d.Errf(errParsing, name, err))
}

// Specified says that something is given twice.
func Specified(d *caddyfile.Dispenser, name, usage string) error {
	return Placed(d.Errf(errSpecified, name, usage))
}

// Word is a subdirective: how it is written, and what reads it. The dispenser is
// at the word when Read is called, and must be at the last token of its line, or
// of its block, when it returns.
type Word struct {
	Usage string
	Read  func(d *caddyfile.Dispenser) error
	// Repeatable words collect what they are given; others may be given once.
	Repeatable bool
}

// Words are the subdirectives of one block.
type Words map[string]Word

// Read reads the block that the dispenser stands before, if there is one.
func (w Words) Read(d *caddyfile.Dispenser) error {
	seen := map[string]bool{}
	before := ""
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		word, known := w[name]
		switch {
		case known:
		case name == "{" && strings.Contains(w[before].Usage, "| { "):
			return Placed(d.Errf(errUnrecognized, name, before+" has a block only where it has no value"))
		case name == "{" && before != "":
			return Placed(d.Errf(errUnrecognized, name, before+" has no block"))
		default:
			return Placed(d.Errf(errUnrecognized, name, w.suggest(name)))
		}
		if seen[name] && !word.Repeatable {
			return Placed(d.Errf(errSpecified, name, word.Usage))
		}
		before, seen[name] = name, true
		if err := word.Read(d); err != nil {
			if placed := (placedError{}); errors.As(err, &placed) {
				return placed
			}
			return Placed(d.Errf(errParsing, name, fmt.Errorf("%w; write: %s", err, word.Usage)))
		}
	}
	return nil
}

// NoBlock refuses a block where there is nothing to say in one.
func NoBlock(d *caddyfile.Dispenser, name string) error {
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		return Placed(d.Errf(errUnrecognized, d.Val(), name+" has no block"))
	}
	return nil
}

// suggest names the word that was probably meant, or all that there are.
func (w Words) suggest(name string) string {
	known := slices.Sorted(maps.Keys(w))
	nearest := slices.MinFunc(known, func(a, b string) int {
		return cmp.Compare(distance(name, a), distance(name, b))
	})
	if distance(name, nearest) <= max(2, len(name)/3) {
		return fmt.Sprintf("did you mean: %s", w[nearest].Usage)
	}
	return "use one of: " + strings.Join(known, ", ")
}

// distance is the number of letters to insert, delete or replace to make b of a
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// Text reads exactly one value.
func Text(to *string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		values := d.RemainingArgs()
		if len(values) != 1 || values[0] == "" {
			return fmt.Errorf("%d values, want one that is not empty", len(values))
		}
		*to = values[0]
		return nil
	}
}

// Texts reads one or more values.
func Texts(to *[]string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		values := d.RemainingArgs()
		if len(values) == 0 || slices.Contains(values, "") {
			return fmt.Errorf("%d values, want one or more that are not empty", len(values))
		}
		*to = append(*to, values...)
		return nil
	}
}

// Flag reads a word that stands alone.
func Flag(to *bool) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		if values := d.RemainingArgs(); len(values) != 0 {
			return fmt.Errorf("%d values, want none", len(values))
		}
		*to = true
		return nil
	}
}

// Choice reads one of the values that mean something.
func Choice(to *string, choices ...string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		if err := Text(to)(d); err != nil {
			return err
		}
		if !slices.Contains(choices, *to) && !HasPlaceholder(*to) {
			return fmt.Errorf("%q is none of %s", *to, strings.Join(choices, ", "))
		}
		return nil
	}
}

// Duration reads a duration, such as 90s or 1d. Zero would be taken for the
// default later, and so is refused.
func Duration(to *caddy.Duration) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		var value string
		if err := Text(&value)(d); err != nil {
			return err
		}
		parsed, err := caddy.ParseDuration(value)
		if err == nil && parsed <= 0 {
			return fmt.Errorf("%q is not more than 0s", value)
		}
		*to = caddy.Duration(parsed)
		return err
	}
}

// Size reads a number of bytes, such as 64MiB; never zero, as Duration.
func Size(to *int64) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		var value string
		if err := Text(&value)(d); err != nil {
			return err
		}
		parsed, err := humanize.ParseBytes(value)
		switch {
		case err != nil:
			return fmt.Errorf("%q is not a number of bytes", value)
		case parsed == 0 || parsed > 1<<40:
			return fmt.Errorf("%q is not between 1B and 1TiB", value)
		}
		*to = int64(parsed)
		return nil
	}
}

// placeholder matches a value that is filled in when the gate starts.
var placeholder = regexp.MustCompile(`\{(env|file)\..+\}`)

// HasPlaceholder reports whether a value is filled in when the gate starts.
func HasPlaceholder(value string) bool { return placeholder.MatchString(value) }

// Secret reads one value, and warns if it is the secret itself.
func Secret(word string, value *string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		if err := Text(value)(d); err != nil {
			return err
		}
		WarnOfLiteral(d, word, *value)
		return nil
	}
}

// WarnOfLiteral warns of a secret that stands in the Caddyfile, and so in the
// adapted JSON, in what the admin API shows, and in backups of all of them.
func WarnOfLiteral(d *caddyfile.Dispenser, field string, secrets ...string) {
	for _, secret := range secrets {
		if !HasPlaceholder(secret) {
			Warn(d, fmt.Sprintf("%s is written out in the configuration; use {file./run/secrets/…} or {env.…}", field))
		}
	}
}

// Warn warns whoever adapts the Caddyfile.
func Warn(d *caddyfile.Dispenser, message string) {
	caddy.Log().Named("session_gate").Warn(fmt.Sprintf("%s:%d: %s", d.File(), d.Line(), message))
}
