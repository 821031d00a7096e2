package caddymodule

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
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/dustin/go-humanize"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("session_gate", parseAppOption)
	httpcaddyfile.RegisterDirective("session_gate", parseGateDirective)
	httpcaddyfile.RegisterHandlerDirective("session_gate_health", parseHealthDirective)
	// Before the handlers that act on a request, and after those that rewrite
	// it: the gate sees the path that the upstream will see.
	httpcaddyfile.RegisterDirectiveOrder("session_gate", httpcaddyfile.Before, "basic_auth")
	httpcaddyfile.RegisterDirectiveOrder("session_gate_health", httpcaddyfile.Before, "basic_auth")
}

// Errors of the Caddyfile use three phrases, each followed by what to write
// instead.
const (
	errUnrecognized = "unrecognized subdirective %q; %s"
	errSpecified    = "%s already specified; it may be given once: %s"
	errParsing      = "parsing %s: %w"
)

// syntaxError is an error that names its word and its place already, so that the
// blocks around it add nothing.
type syntaxError struct{ error }

// word is a subdirective: how it is written, and what reads it. The dispenser is
// at the word when read is called, and must be at the last token of its line, or
// of its block, when it returns.
type word struct {
	usage string
	read  func(d *caddyfile.Dispenser) error
	// repeatable words collect what they are given; others may be given once.
	repeatable bool
}

// words are the subdirectives of one block.
type words map[string]word

// read reads the block that the dispenser stands before, if there is one.
func (w words) read(d *caddyfile.Dispenser) error {
	seen := map[string]bool{}
	before := ""
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		word, known := w[name]
		switch {
		case known:
		case name == "{" && strings.Contains(w[before].usage, "| { "):
			return syntaxError{d.Errf(errUnrecognized, name, before+" has a block only where it has no value")}
		case name == "{" && before != "":
			return syntaxError{d.Errf(errUnrecognized, name, before+" has no block")}
		default:
			return syntaxError{d.Errf(errUnrecognized, name, w.suggest(name))}
		}
		if seen[name] && !word.repeatable {
			return syntaxError{d.Errf(errSpecified, name, word.usage)}
		}
		before, seen[name] = name, true
		if err := word.read(d); err != nil {
			if placed := (syntaxError{}); errors.As(err, &placed) {
				return placed
			}
			return syntaxError{d.Errf(errParsing, name, fmt.Errorf("%w; write: %s", err, word.usage))}
		}
	}
	return nil
}

// readNone refuses a block where there is nothing to say in one.
func (words) readNone(d *caddyfile.Dispenser, name string) error {
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		return syntaxError{d.Errf(errUnrecognized, d.Val(), name+" has no block")}
	}
	return nil
}

// suggest names the word that was probably meant, or all that there are.
func (w words) suggest(name string) string {
	known := slices.Sorted(maps.Keys(w))
	nearest := slices.MinFunc(known, func(a, b string) int {
		return cmp.Compare(distance(name, a), distance(name, b))
	})
	if distance(name, nearest) <= max(2, len(name)/3) {
		return fmt.Sprintf("did you mean: %s", w[nearest].usage)
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

// text reads exactly one value.
func text(to *string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		values := d.RemainingArgs()
		if len(values) != 1 || values[0] == "" {
			return fmt.Errorf("%d values, want one that is not empty", len(values))
		}
		*to = values[0]
		return nil
	}
}

// texts reads one or more values.
func texts(to *[]string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		values := d.RemainingArgs()
		if len(values) == 0 || slices.Contains(values, "") {
			return fmt.Errorf("%d values, want one or more that are not empty", len(values))
		}
		*to = append(*to, values...)
		return nil
	}
}

// flag reads a word that stands alone.
func flag(to *bool) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		if values := d.RemainingArgs(); len(values) != 0 {
			return fmt.Errorf("%d values, want none", len(values))
		}
		*to = true
		return nil
	}
}

// choice reads one of the values that mean something.
func choice(to *string, choices ...string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		if err := text(to)(d); err != nil {
			return err
		}
		if !slices.Contains(choices, *to) && !placeholder.MatchString(*to) {
			return fmt.Errorf("%q is none of %s", *to, strings.Join(choices, ", "))
		}
		return nil
	}
}

// duration reads a duration, such as 90s or 1d. Zero would be taken for the
// default later, and so is refused.
func duration(to *caddy.Duration) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		var value string
		if err := text(&value)(d); err != nil {
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

// size reads a number of bytes, such as 64MiB; never zero, as duration.
func size(to *int64) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		var value string
		if err := text(&value)(d); err != nil {
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

// warnOfLiteral warns of a secret that stands in the Caddyfile, and so in the
// adapted JSON, in what the admin API shows, and in backups of all of them.
func warnOfLiteral(d *caddyfile.Dispenser, field string, secrets ...string) {
	for _, secret := range secrets {
		if !placeholder.MatchString(secret) {
			warn(d, fmt.Sprintf("%s is written out in the configuration; use {file./run/secrets/…} or {env.…}", field))
		}
	}
}

// warn warns whoever adapts the Caddyfile.
func warn(d *caddyfile.Dispenser, message string) {
	caddy.Log().Named("session_gate").Warn(fmt.Sprintf("%s:%d: %s", d.File(), d.Line(), message))
}
