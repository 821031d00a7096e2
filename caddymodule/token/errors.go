package token

import (
	"errors"
	"fmt"

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
// rule. So its issuer is misconfigured, or the gate is; nobody without a key can cause it.
type SignedError struct {
	// Issuer is `iss` of the token.
	Issuer string
	// Err is the rule. It wraps ErrInvalid or ErrExpired.
	Err error
}

// Error returns the text of Err.
func (e *SignedError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *SignedError) Unwrap() error { return e.Err }

// refuse returns the error of a token that breaks the given rule.
func refuse(rule string) error {
	return fmt.Errorf("verifying token: %s: %w", rule, ErrInvalid)
}
