package reply

import (
	"slices"
	"strings"
)

// IsMethod reports whether some server reads a method as the named one. gunicorn and
// hypercorn read `delete` as DELETE.
func IsMethod(method, name string) bool {
	return method == name || len(method) == len(name) && strings.EqualFold(method, name)
}

// IsMiscased reports whether a method is in the list, but in another letter case. The gate
// refuses it on its own paths.
//
// Attack: delete /v1/auth/session, which is no DELETE to the gate. An upstream that folds
// methods ends its own session, while every token stays valid.
func IsMiscased(method string, names []string) bool {
	return !slices.Contains(names, method) &&
		slices.ContainsFunc(names, func(name string) bool { return IsMethod(method, name) })
}
