package config

import (
	"fmt"
	"slices"
	"strings"
)

// SetDefault sets a field that has the zero value of its type.
func SetDefault[T comparable](field *T, value T) {
	var unset T
	if *field == unset {
		*field = value
	}
}

// OneOf refuses a value that is not among the choices, so that a typo never disables
// what the operator meant.
func OneOf(field, value string, choices ...string) error {
	if slices.Contains(choices, value) {
		return nil
	}
	return fmt.Errorf("checking session_gate: %s %q is unknown; use one of: %s", field, value, strings.Join(choices, ", "))
}
