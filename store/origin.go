package store

import (
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Source says who asked for a revocation.
type Source uint8

// The sources are part of the stored format: a number, once used, keeps its meaning for
// good. A gate that does not know a number keeps it as it is.
const (
	// SourceUnknown: the entry does not say. Entries of format 1 never do.
	SourceUnknown Source = 0
	// SourceEndpoint: a user, at the session endpoint.
	SourceEndpoint Source = 1
	// SourceSessions: a user, at the sessions endpoint.
	SourceSessions Source = 2
	// SourceAdmin: an operator.
	SourceAdmin Source = 3
	// SourceIssuer: the issuer, by a back-channel logout.
	SourceIssuer Source = 4
	// SourceStandard: a client or a transmitter, by a standard such as RFC 7009 or RFC 8935.
	SourceStandard Source = 5
)

// String returns the source as it is written in logs, and "" for SourceUnknown.
func (s Source) String() string {
	switch s {
	case SourceUnknown:
		return ""
	case SourceEndpoint:
		return "endpoint"
	case SourceSessions:
		return "sessions"
	case SourceAdmin:
		return "admin"
	case SourceIssuer:
		return "issuer"
	case SourceStandard:
		return "standard"
	default:
		return "source(" + strconv.Itoa(int(s)) + ")"
	}
}

// MaxReason is how many bytes a Reason may have.
const MaxReason = 256

// Origin says where a revocation comes from. The zero Origin says nothing.
type Origin struct {
	Source Source
	// Reason is the operator's, as text of at most MaxReason bytes without control
	// characters; "" for none.
	Reason string
	// Made is when the revocation was asked for, in Unix seconds; zero if that is not known.
	Made int64
}

// Validate returns what makes o impossible to store.
func (o Origin) Validate() error {
	switch {
	case len(o.Reason) > MaxReason:
		return fmt.Errorf("checking revocation: a reason of %d bytes, want at most %d", len(o.Reason), MaxReason)
	case !utf8.ValidString(o.Reason):
		return fmt.Errorf("checking revocation: the reason %q is not UTF-8", o.Reason)
	case o.Made < 0 || o.Made > maxUnix:
		return fmt.Errorf("checking revocation: made at %d, which is out of range", o.Made)
	}
	for _, c := range o.Reason {
		if unicode.IsControl(c) {
			return fmt.Errorf("checking revocation: the reason %q has control characters", o.Reason)
		}
	}
	return nil
}
