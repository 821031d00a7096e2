package reply

import (
	"slices"
	"strings"
)

// IsMethod reports whether some server takes a method for the named one. gunicorn and
// hypercorn take `delete` for DELETE.
func IsMethod(method, name string) bool {
	return method == name || len(method) == len(name) && strings.EqualFold(method, name)
}

// IsMiscased reports whether a method is one of the list in another letter case. The gate
// refuses it on its own paths.
//
// Attack: delete /v1/auth/session, which is no DELETE to the gate. An upstream that folds
// methods ends its own session, while every token stays good.
func IsMiscased(method string, names []string) bool {
	return !slices.Contains(names, method) &&
		slices.ContainsFunc(names, func(name string) bool { return IsMethod(method, name) })
}
