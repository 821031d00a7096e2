package token

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// accessTokenTypes are the types of access tokens (RFC 9068 §2.1). They include no type,
// and the type that only says that the token is a JWT.
var accessTokenTypes = []string{"", "JWT", "at+jwt"}

// isOneOf reports whether `typ` declares one of these kinds of token (RFC 8725 §3.11). The type
// "" stands for a header without `typ`. Media types are compared without regard to case, and
// "application/" may be left out (RFC 7515 §4.1.9).
func (h header) isOneOf(types []string) bool {
	if !h.typed {
		return slices.Contains(types, "")
	}
	typ := h.typ
	const prefix = "application/"
	if len(typ) > len(prefix) && strings.EqualFold(typ[:len(prefix)], prefix) {
		typ = typ[len(prefix):]
	}
	return typ != "" && slices.ContainsFunc(types, func(t string) bool { return strings.EqualFold(t, typ) })
}

// securityEvents begins the names of the events of CAEP and RISC.
const securityEvents = "https://schemas.openid.net/secevent/"

// checkKind refuses a token that is not an access token by its claims (RFC 8725 §3.12).
// Some issuers do not declare the kind in the header.
//
// Attack: a logout token is used as an access token. It passes through many systems, and
// names the same issuer, client and session. It is a security event token (OpenID Connect
// Back-Channel Logout 1.0 §2.4, RFC 8417 §2.2): `events` is an object that names the logout,
// or an event of CAEP or RISC. A claim of that name with another value belongs to the
// application.
func checkKind(m members) error {
	events, _ := m.Find("events")
	if len(events) == 0 || events[0] != '{' {
		return nil
	}
	return strictjson.Scan(events, strictjson.MaxDepth, func(name string, _ json.RawMessage) error {
		if name == logoutEvent || strings.HasPrefix(name, securityEvents) {
			return refuse("events is that of a security event token")
		}
		return nil
	})
}
