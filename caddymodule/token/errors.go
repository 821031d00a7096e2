package token

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
	"github.com/sessiongate/sessiongate/caddymodule/keys"
)

// The reasons to refuse a token. Every error of Verify wraps exactly one of them;
// ErrUnknownKey comes in addition to ErrUnavailable. The text names the broken rule, for debug
// logs and for operators, and never holds a byte of the token.
var (
	// ErrMalformed: the credential cannot be a JSON Web Signature in compact form (RFC 7515
	// §7.1), or is longer than Options.MaxTokenSize. Extract also returns it, for its own
	// reasons.
	ErrMalformed = credential.ErrMalformed
	// ErrInvalid: this gate does not trust the token.
	ErrInvalid = keys.ErrInvalid
	// ErrExpired: the token has expired, and is valid otherwise.
	ErrExpired = errors.New("expired token")
	// ErrUnknownKey goes with ErrUnavailable: the key set of the issuer does not hold the
	// `kid`. The key may be new, and the issuer is asked for it (VerifyWaiting).
	ErrUnknownKey = keys.ErrUnknownKey
	// ErrUnavailable: the keys that could verify the token are not available now.
	ErrUnavailable = keys.ErrUnavailable
)

// SignedError is the error of a token that one of the issuers has signed, and that breaks a
// rule. Nobody without a key, or without such a token, can cause it.
type SignedError struct {
	// Issuer is `iss` of the token.
	Issuer string
	// Configured is the name of the issuer in the configuration, which may hold an asterisk.
	Configured string
	// Subject is the subject of the token, or "" if it has no usable one.
	Subject string
	// Err is the rule. It wraps ErrInvalid or ErrExpired.
	Err error
}

// Error returns the text of Err.
func (e *SignedError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *SignedError) Unwrap() error { return e.Err }

// ClaimedError is the error of a token that names one of the issuers. Its signature was not
// verified, or does not show that the token is of the issuer that it names. Believe nothing else
// of the token.
type ClaimedError struct {
	// Configured is the name of the issuer in the configuration, which may hold an asterisk.
	Configured string
	// Err is the rule. It wraps ErrInvalid or ErrUnavailable.
	Err error
}

// Error returns the text of Err.
func (e *ClaimedError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *ClaimedError) Unwrap() error { return e.Err }

// Named returns the issuer and the subject of a refused token, for logs. issuer is the name of a
// configured issuer, or "" if the token names none of them. subject is "" unless the signature
// is good and the token has a subject.
//
// Attack: write the name of a victim into the logs, with a token that nobody has signed.
func Named(err error) (issuer, subject string) {
	if signed, ok := errors.AsType[*SignedError](err); ok {
		return signed.Configured, signed.Subject
	}
	if claimed, ok := errors.AsType[*ClaimedError](err); ok {
		return claimed.Configured, ""
	}
	return "", ""
}

// Rule returns the rule that a credential or a token breaks, such as "iss is not trusted", for
// logs and for operators. It never holds a byte of the token.
func Rule(err error) string {
	rule := err.Error()
	for _, step := range []string{"verifying token: ", "splitting token: ", "extracting token: "} {
		rule = strings.TrimPrefix(rule, step)
	}
	for _, class := range []error{ErrMalformed, ErrInvalid, ErrExpired, ErrUnavailable} {
		rule = strings.TrimSuffix(rule, ": "+class.Error())
	}
	return rule
}

// refuse returns the error of a token that breaks the given rule.
func refuse(rule string) error {
	return fmt.Errorf("verifying token: %s: %w", rule, ErrInvalid)
}
