package token

import (
	"errors"
	"fmt"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
	"github.com/sessiongate/sessiongate/caddymodule/keys"
)

// Why a token is refused. Every error of Verify wraps exactly one of them, but for
// ErrUnknownKey. The text around it names the rule that was broken, for debug logs
// and for operators, and never holds a byte of the token.
var (
	// ErrMalformed: the credential cannot be a JSON Web Signature in compact form
	// (RFC 7515 §7.1), or is longer than credential.MaxSize. Extract returns the same
	// error for its own reasons.
	ErrMalformed = credential.ErrMalformed
	// ErrInvalid: the token is not one that this gate trusts.
	ErrInvalid = keys.ErrInvalid
	// ErrExpired: a genuine token whose time is over.
	ErrExpired = errors.New("expired token")
	// ErrUnknownKey goes with ErrInvalid: the key set of the issuer does not hold the
	// `kid`. If the issuer has just begun to sign with it, it will in some seconds.
	ErrUnknownKey = keys.ErrUnknownKey
	// ErrUnavailable: the keys that would tell are not to be had at present.
	ErrUnavailable = keys.ErrUnavailable
)

// refuse returns the error of a token that breaks the rule given.
func refuse(rule string) error {
	return fmt.Errorf("verifying token: %s: %w", rule, ErrInvalid)
}
