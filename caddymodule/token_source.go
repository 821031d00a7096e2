package caddymodule

import (
	"errors"
	"fmt"

	"github.com/sessiongate/sessiongate/caddymodule/fieldname"
)

// TokenSource is where requests carry their credential. Both fields may be configured; a
// request may use only one of them.
type TokenSource struct {
	// Header is the name of a header field. In Authorization the scheme is Bearer.
	// Default: none, if cookie is configured.
	Header string `json:"header,omitempty"`
	// Cookie is the name of a cookie. Default: none.
	Cookie string `json:"cookie,omitempty"`
}

func (s *TokenSource) check() error {
	switch {
	case s.Header == "" && s.Cookie == "":
		return errors.New("checking session_gate: token names neither a header nor a cookie; " +
			"use token header Authorization, or token cookie <name>")
	case s.Header != "" && !fieldname.IsValid(s.Header):
		return fmt.Errorf("checking session_gate: token header %q is not a field name (RFC 9110 §5.1)", s.Header)
	// A cookie name has the same grammar as a field name (RFC 6265 §4.1.1).
	case s.Cookie != "" && !fieldname.IsValid(s.Cookie):
		return fmt.Errorf("checking session_gate: token cookie %q is not the name of a cookie (RFC 6265 §4.1.1)", s.Cookie)
	}
	return nil
}
