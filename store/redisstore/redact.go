package redisstore

import (
	"regexp"
	"slices"
	"strings"
)

// quoted matches the text in which Redis, or a server in its place, quotes the words of
// an unknown command.
var quoted = regexp.MustCompile(`(?i),? with args beginning with.*`)

// redacted is an error with a changed text.
type redacted struct {
	error
	text string
}

// Error implements error.
func (r redacted) Error() string { return r.text }

// Unwrap returns the error with its full text, for errors.Is and errors.As.
func (r redacted) Unwrap() error { return r.error }

// redact removes from an error what this side has sent.
//
// Attack: a hardened server, or a proxy, does not know a command and quotes the words
// after it in its answer. The name of a session, or a password, would be in the log and
// in the answers of the admin API (Invariant 10).
func (s *Store) redact(err error) error {
	text := quoted.ReplaceAllString(err.Error(), "")
	for _, secret := range slices.Concat(s.target.ofRedis.secrets(), s.target.ofSentinels.secrets()) {
		text = strings.ReplaceAll(text, secret, "…")
	}
	if text == err.Error() {
		return err
	}
	return redacted{err, text}
}
