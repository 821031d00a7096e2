package token

import (
	"slices"
	"sync/atomic"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/store"
)

// Verified is a token with a valid signature and valid claims. All requests with the token
// share it. It is immutable, except for Keys.Clear and Noted. It must not be copied.
type Verified struct {
	// Keys are the names by which the token can be revoked. Session is zero if the token
	// has no session id, Login if it has no subject or no AuthTime, Subject if it has no
	// subject. Token is never zero: without a token
	// id it comes from the SHA-256 of the signing input. It never comes from the whole
	// token, because a signature has more than one spelling.
	Keys store.Keys
	// Issuer is `iss`: exactly as configured, or with the value of the wildcard's claim. For a
	// token without `iss` it is the configured issuer.
	Issuer string
	// Subject is the subject claim, of 1 to 1024 bytes, or "" if there is none. Integers are
	// their decimal text here and below.
	Subject string
	// SessionID is the session claim, of 1 to 1024 bytes, or "" if there is none.
	SessionID string
	// Session names the first session of the token for people and programs: SessionID, or
	// else the id of its login (store.LoginID), or "" if its claims name no session.
	Session string
	// TokenID is the token id claim, of 1 to 1024 bytes. If the token has neither a token id
	// nor a session id, TokenID is the SHA-256 of its signing input in hex. If it has only
	// a session id, TokenID is "".
	TokenID string
	// ExpiresAt and IssuedAt are `exp` and `iat`, rounded down to Unix seconds.
	ExpiresAt, IssuedAt int64
	// AuthTime is when the subject logged in at the issuer: `auth_time`, rounded down to Unix
	// seconds. It is at least 1, and at most IssuedAt and the leeway. It is 0 if the token
	// says nothing usable, or the issuer's `auth_time` names no login. Only together with a
	// subject it names a login.
	AuthTime int64
	// Noted belongs to the registry of live sessions. It is the Unix second at which the
	// registry last noted the session of this token.
	Noted atomic.Int64

	rules   *issuer
	machine bool
	claims  []claim
	scopes  []string
	views   []*view
	sites   []bool // whether it meets the rules of each

	// The cache decides by these fields whether it may still return this token.
	raw       string
	source    keys.Source
	epoch     uint64
	validFrom int64 // Unix seconds, leeway included
}

// Claim returns a top-level claim as text: a string as it is, a number or a boolean as it
// was written, an array of these joined with ",". Objects and null have no text, nor have
// arrays that hold them. It does not allocate.
//
// The text is unchanged: an element of an array may itself hold a comma, and any text a
// line break.
func (t *Verified) Claim(name string) (text string, ok bool) {
	if c := t.find(name); c != nil {
		return c.text, true
	}
	return "", false
}

func (t *Verified) find(name string) *claim {
	for i := range t.claims {
		if t.claims[i].name == name {
			return &t.claims[i]
		}
	}
	return nil
}

// HasScope reports whether one of the issuer's scope claims, `scope` and `scp` by default,
// names the scope. It is a text with spaces between the scopes (RFC 8693 §4.2), or an array.
func (t *Verified) HasScope(scope string) bool {
	return scope != "" && slices.Contains(t.scopes, scope)
}

// View returns the placeholders of a gate, for an index that Verifier.AddView returned. The
// function knows http.auth.user.id, .session_id, .token_id and .issuer, and
// http.auth.user.<claim> for the claims of the view. A claim that the token does not have
// is "". The function may be called concurrently. Neither View nor the function allocates.
func (t *Verified) View(index int) func(key string) (any, bool) {
	return t.views[index].function
}

// Text is a claim as text, as Verified.Claim gives it.
type Text struct {
	Text string
	OK   bool // whether the token has it
	// Field reports whether a header field carries it unchanged (RFC 9110 §5.5): it has
	// no control characters, no line breaks and no blanks at its ends, also none of
	// Unicode. No element of an array holds a comma or has blanks at its ends.
	Field bool
}

// Texts returns the claims of a view in the order of their names. The slice must
// not be changed.
func (t *Verified) Texts(index int) []Text { return t.views[index].texts }

// fresh reports whether the keys that verified the token are still in force, and the token
// has all added views and sites.
func (t *Verified) fresh(a *added) bool {
	return t.epoch == t.source.Epoch() && len(t.views) >= len(a.views) && len(t.sites) >= len(a.sites)
}

// Validity returns the seconds from which, and before which, the token is accepted, with the
// leeway.
func (t *Verified) Validity() (from, until int64) { return t.validFrom, t.Keys.Expires }

// checkTime checks the dates of the token.
func (t *Verified) checkTime(now int64) error {
	if now >= t.Keys.Expires {
		return errExpired
	}
	if now < t.validFrom {
		return errNotYet
	}
	return nil
}
