package token

import (
	"errors"
	"fmt"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
	"github.com/sessiongate/sessiongate/caddymodule/keys"
)

// Why a token is refused. Every error of Verify wraps exactly one of them; ErrUnknownKey comes
// in addition to ErrInvalid. The text around it names the rule that was broken, for debug logs
// and for operators, and never holds a byte of the token.
var (
	// ErrMalformed: the credential cannot be a JSON Web Signature in compact form
	// (RFC 7515 §7.1), or is longer than credential.MaxSize. Extract returns the same
	// error for its own reasons.
	ErrMalformed = credential.ErrMalformed
	// ErrInvalid: this gate does not trust the token.
	ErrInvalid = keys.ErrInvalid
	// ErrExpired: the token would be good, but has expired.
	ErrExpired = errors.New("expired token")
	// ErrUnknownKey goes with ErrInvalid: the key set of the issuer does not hold the
	// `kid`. If the issuer has just begun to sign with it, the set will in some seconds.
	ErrUnknownKey = keys.ErrUnknownKey
	// ErrUnavailable: the keys that would verify the token are not available at present.
	ErrUnavailable = keys.ErrUnavailable
)

// refuse returns the error of a token that breaks the rule given.
func refuse(rule string) error {
	return fmt.Errorf("verifying token: %s: %w", rule, ErrInvalid)
}
