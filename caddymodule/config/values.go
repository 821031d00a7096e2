package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// Text reads exactly one value, which is not empty.
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

// Texts reads one or more values, none of them empty.
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

// Flag reads a word without values, and sets its field.
func Flag(to *bool) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		if values := d.RemainingArgs(); len(values) != 0 {
			return fmt.Errorf("%d values, want none", len(values))
		}
		*to = true
		return nil
	}
}

// Choice reads one of the choices, or a placeholder.
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

// Duration reads a duration above zero, such as 90s or 1d. Zero is refused because
// it would mean the default later.
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

// Size reads a number of bytes from 1B to 1TiB, such as 64MiB. Zero is refused
// because it would mean the default later.
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
