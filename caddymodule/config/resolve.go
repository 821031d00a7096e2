package config

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"unicode"

	"github.com/caddyserver/caddy/v2"
)

// Resolve replaces the placeholders {env.X} and {file.X} in strings of the
// configuration, in place. Errors name the field, and never quote a value. After
// an error, the values before the broken one are replaced.
//
// Attack: a secret file that is not mounted would give an empty secret, and anybody can
// sign with that. So an unknown or empty placeholder is an error.
func Resolve(field string, values ...*string) error {
	replacer := caddy.NewReplacer()
	for _, value := range values {
		replaced, err := replacer.ReplaceFunc(*value, present)
		if err != nil {
			return fmt.Errorf("resolving %s: %w", field, err)
		}
		*value = replaced
	}
	return nil
}

// ReadAgain returns a function that resolves a value once more, for a secret whose file may
// be replaced while the gate runs. It returns nil if no file is named, because all other
// values stay what they are. Resolve must have accepted the value.
func ReadAgain(field, value string) func() (string, error) {
	if !strings.Contains(value, "{file.") {
		return nil
	}
	return func() (string, error) {
		again := value
		err := Resolve(field, &again)
		return again, err
	}
}

// present refuses a placeholder without a value. Errors name only variables and files,
// because other text in braces may be part of a secret.
func present(name string, value any) (any, error) {
	switch {
	case caddy.ToString(value) != "":
		return value, nil
	case strings.HasPrefix(name, "env."), strings.HasPrefix(name, "file."):
		return nil, fmt.Errorf("{%s} is missing or empty; is the variable set, or the file there and readable?", name)
	default:
		return nil, errors.New("a placeholder in it is unknown; use {env.X} or {file.X}, and write any other opening brace as \\{")
	}
}

// ResolveAll is Resolve for a list.
func ResolveAll(field string, values []string) error {
	for i := range values {
		if err := Resolve(field, &values[i]); err != nil {
			return err
		}
	}
	return nil
}

// ResolveFile is Resolve for the name of a file.
//
// Attack: `key {file./run/secrets/key.pem}` gives the content of the file instead of
// its name, and the error of opening that would print the key. So a value that comes
// from {file.X}, or that holds control characters, must name a file that exists. The
// error quotes only the placeholder.
func ResolveFile(field string, name *string) error {
	written := *name
	if err := Resolve(field, name); err != nil || *name == written {
		return err
	}
	if !strings.Contains(written, "{file.") && !strings.ContainsFunc(*name, unicode.IsControl) {
		return nil
	}
	if _, err := os.Stat(*name); err != nil {
		return fmt.Errorf("resolving %s: %s is not replaced by the name of a file; {file.X} gives the content of X, so write X alone", field, written)
	}
	return nil
}

// placeholder matches a value that is known only at the start of the gate.
var placeholder = regexp.MustCompile(`\{(env|file)\..+\}`)

// HasPlaceholder reports whether a value holds {env.X} or {file.X}, so that its meaning
// is known only at the start of the gate.
func HasPlaceholder(value string) bool { return placeholder.MatchString(value) }
