package oauth

import (
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// matters returns which of the parameters that matter some reader could take a
// name for, "" for none.
//
// Attack: Refresh_Token for a reader without regard to case, refreshToken for one
// that maps names to fields, refresh.token and refresh[token for PHP, which makes
// underscores of them, refresh_token[] and refresh_token[0] for those that know
// lists, and refresh_token%00x for those that end a text there.
func matters(name string) string {
	return meant(name, grantType, refreshToken, subjectToken, actorToken)
}

// meant returns which of the squeezed names a name could be taken for.
func meant(name string, squeezed ...string) string {
	list, _, _ := strings.Cut(name, "[")
	text, _, _ := strings.Cut(name, "\x00")
	for _, reading := range []string{name, list, text} {
		reading = squeeze(reading)
		for _, want := range squeezed {
			if reading == want {
				return want
			}
		}
	}
	return ""
}

// squeeze returns the letters and digits of a name, without case.
func squeeze(name string) string {
	name = strictjson.Fold(name)
	squeezed := make([]byte, 0, len(name))
	for i := range len(name) {
		if c := name[i]; c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			squeezed = append(squeezed, c)
		}
	}
	return string(squeezed)
}
