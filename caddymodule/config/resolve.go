package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"

	"github.com/caddyserver/caddy/v2"
)

// Resolve replaces the placeholders, such as {env.X} and {file.X}, in strings of
// the configuration.
//
// Attack: a secret file that is not mounted would leave an empty secret, with
// which anybody can sign. What cannot be replaced, or is empty, is an
// error.
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

// present refuses a placeholder that has no value. It names variables and files
// only: braces of any other kind may be part of a secret.
func present(name string, value any) (any, error) {
	switch {
	case caddy.ToString(value) != "":
		return value, nil
	case strings.HasPrefix(name, "env."), strings.HasPrefix(name, "file."):
		return nil, fmt.Errorf("{%s} is missing or empty; is the variable set, or the file there and readable?", name)
	default:
		return nil, errors.New("a placeholder in it is unknown; use {env.X} or {file.X}, and write a brace that begins none as \\{")
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
// Attack: key {file./run/secrets/key.pem} gives what is in the file for its name,
// and the error of opening that would print the key. Neither it nor any other value
// that is no name is quoted.
func ResolveFile(field string, name *string) error {
	written := *name
	if err := Resolve(field, name); err != nil || *name == written {
		return err
	}
	if !strings.Contains(written, "{file.") && !strings.ContainsFunc(*name, unicode.IsControl) {
		return nil
	}
	if _, err := os.Stat(*name); err != nil {
		return fmt.Errorf("resolving %s: %s is not replaced by the name of a file; {file.X} gives what is in X, so write X alone", field, written)
	}
	return nil
}
