package caddymodule

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/fieldname"
)

// TokenSource is where requests carry their credential. Several fields may be configured; a
// request may use only one of them.
type TokenSource struct {
	// Header is the name of a header field. In Authorization the scheme is Bearer.
	// Default: none, if another place is configured.
	Header string `json:"header,omitempty"`
	// Cookie is the name of a cookie. Default: none.
	Cookie string `json:"cookie,omitempty"`
	// Query is the name of a parameter in the query (RFC 6750 §2.3). Use it only for clients
	// that cannot set a header, such as EventSource: histories and the logs of other servers
	// show addresses. The gate removes the parameter from the request for the upstream.
	// Every access log needs a filter for it. Default: none.
	Query string `json:"query,omitempty"`
	// WebSocketProtocol is the prefix of a token among the subprotocols of a WebSocket, for
	// browsers, which can set no header of a handshake: with `bearer`, a page opens
	// new WebSocket(url, ["bearer", token]). The gate removes the token and the prefix from
	// the request for the upstream. If the upstream chooses no subprotocol, the gate chooses
	// the first other one, or the prefix, because browsers insist on one. Every access log
	// needs a filter for it. Default: none.
	WebSocketProtocol string `json:"websocket_protocol,omitempty"`
}

func (s *TokenSource) check() error {
	switch {
	case *s == TokenSource{}:
		return errors.New("checking session_gate: token names neither a header nor a cookie; " +
			"use token header Authorization, or token cookie <name>")
	case s.Header != "" && !fieldname.IsValid(s.Header):
		return fmt.Errorf("checking session_gate: token header %q is not a field name (RFC 9110 §5.1)", s.Header)
	// A cookie name has the same grammar as a field name (RFC 6265 §4.1.1).
	case s.Cookie != "" && !fieldname.IsValid(s.Cookie):
		return fmt.Errorf("checking session_gate: token cookie %q is not the name of a cookie (RFC 6265 §4.1.1)", s.Cookie)
	// Other characters have several spellings in a query.
	case strings.ContainsFunc(s.Query, func(c rune) bool { return !isUnreserved(c) }):
		return fmt.Errorf("checking session_gate: token query %q has characters that have to be encoded in a query; "+
			"use a name such as access_token", s.Query)
	case s.WebSocketProtocol != "" && (!fieldname.IsValid(s.WebSocketProtocol) || strings.HasSuffix(s.WebSocketProtocol, ".")):
		return fmt.Errorf("checking session_gate: token websocket_protocol %q is not the name of a subprotocol (RFC 6455 §4.1); "+
			"use a name such as bearer, without a dot at its end", s.WebSocketProtocol)
	}
	if err := s.checkNames(); err != nil {
		return fmt.Errorf("checking session_gate: %w", err)
	}
	return nil
}

// checkNames refuses one name for two places, where it would not be clear which of them a
// filter of a log hides.
func (s *TokenSource) checkNames() error {
	if s.Query != "" && s.Query == s.WebSocketProtocol {
		return fmt.Errorf("token query and token websocket_protocol are both %q; use two names, such as access_token and bearer", s.Query)
	}
	return nil
}

// isUnreserved reports whether a character has one spelling in a URL (RFC 3986 §2.3).
func isUnreserved(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-._~", c)
}
