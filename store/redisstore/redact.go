package redisstore

import (
	"regexp"
	"strings"
)

// quoted is where Redis, and what stands in for it, quotes the words of a command
// that it does not know.
var quoted = regexp.MustCompile(`(?i),? with args beginning with.*`)

// redacted is an error that is said in other words than its own.
type redacted struct {
	error
	text string
}

// Error implements error.
func (r redacted) Error() string { return r.text }

// Unwrap returns the error with all its words, for errors.Is and errors.As.
func (r redacted) Unwrap() error { return r.error }

// redact leaves out of an error what this side has sent.
//
// Attack: a hardened server, or a proxy, that does not know a command answers with
// the words after it: the name of a session, or a password, would be in the log and
// in what the admin API shows (Invariant 10).
func (s *Store) redact(err error) error {
	text := quoted.ReplaceAllString(err.Error(), "")
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, "…")
	}
	if text == err.Error() {
		return err
	}
	return redacted{err, text}
}

// secrets are the passwords that are sent to Redis.
func (t target) secrets() (secrets []string) {
	for _, secret := range []string{t.password, t.sentinel.password} {
		if secret != "" {
			secrets = append(secrets, secret)
		}
	}
	return secrets
}
