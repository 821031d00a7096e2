package caddymodule

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
)

// resolve replaces the placeholders, such as {env.X} and {file.X}, in strings of
// the configuration.
//
// Attack: a secret file that is not mounted would leave an empty secret, with
// which anybody can sign (P58). What cannot be replaced, or is empty, is an
// error.
func resolve(field string, values ...*string) error {
	replacer := caddy.NewReplacer()
	for _, value := range values {
		replaced, err := replacer.ReplaceOrErr(*value, true, true)
		if err != nil {
			return fmt.Errorf("resolving %s: %w; is the variable set, and the file there and readable?", field, err)
		}
		*value = replaced
	}
	return nil
}

// resolveAll is resolve for a list.
func resolveAll(field string, values []string) error {
	for i := range values {
		if err := resolve(field, &values[i]); err != nil {
			return err
		}
	}
	return nil
}
