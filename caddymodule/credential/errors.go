package credential

import (
	"errors"
	"fmt"
)

// The errors of Extract. Every error wraps exactly one of them, and holds no byte of the
// credential.
var (
	// ErrMissing: the request carries no credential in the configured places.
	ErrMissing = errors.New("no credential")
	// ErrSeveral: the request carries more than one credential (RFC 6750 §2).
	ErrSeveral = errors.New("several credentials")
	// ErrMalformed: the text cannot be a credential, or is longer than MaxSize.
	ErrMalformed = errors.New("malformed credential")
)

var (
	errMissing = fmt.Errorf("extracting token: %w", ErrMissing)
	errTooLong = fmt.Errorf("extracting token: longer than %d bytes: %w", MaxSize, ErrMalformed)
	errHidden  = fmt.Errorf("extracting token: some readers find another one: %w", ErrSeveral)
	errFrame   = fmt.Errorf("extracting token: no space after the scheme: %w", ErrMalformed)
)
