package token

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// IssuerOptions are the rules for the tokens of one issuer.
type IssuerOptions struct {
	// Issuer is the exact value of `iss`. Required.
	Issuer string
	// Audiences lists the accepted values of `aud`. A token must hold one of them. Required
	// unless AnyAudience.
	Audiences []string
	// AnyAudience also accepts tokens for other services, and tokens without `aud`.
	// Default: false.
	AnyAudience bool
	// LogoutAudiences lists the clients whose logout tokens are accepted, by their `aud`.
	// Default: Audiences, or any with AnyAudience.
	LogoutAudiences []string
	// Algorithms lists the accepted signature algorithms, by their names in RFC 7518.
	// Default: all that the keys can verify.
	Algorithms []string
	// SessionClaim names the claim with the session id. Default: sid.
	SessionClaim string
	// TokenIDClaim names the claim with the token id. Default: jti.
	TokenIDClaim string
	// Keys holds the issuer's keys. Required.
	Keys keys.Source
}

// issuer is one trusted issuer with valid options.
type issuer struct {
	IssuerOptions
	signatures *Signatures
}

func newIssuer(options IssuerOptions) (*issuer, error) {
	if options.SessionClaim == "" {
		options.SessionClaim = "sid"
	}
	if options.TokenIDClaim == "" {
		options.TokenIDClaim = "jti"
	}
	switch {
	case options.Issuer == "":
		return nil, fmt.Errorf("checking issuer: it has no name")
	case options.Keys == nil:
		return nil, fmt.Errorf("checking issuer %q: no keys", options.Issuer)
	case options.AnyAudience && len(options.Audiences) > 0:
		return nil, fmt.Errorf("checking issuer %q: both an audience and any audience", options.Issuer)
	case !options.AnyAudience && len(options.Audiences) == 0:
		return nil, fmt.Errorf("checking issuer %q: no audience", options.Issuer)
	case slices.Contains(options.Audiences, ""), slices.Contains(options.LogoutAudiences, ""):
		return nil, fmt.Errorf("checking issuer %q: an empty audience", options.Issuer)
	case options.SessionClaim == options.TokenIDClaim:
		return nil, fmt.Errorf("checking issuer %q: session and token id are one claim %q", options.Issuer, options.SessionClaim)
	}
	for _, claim := range []string{options.SessionClaim, options.TokenIDClaim} {
		if slices.Contains([]string{"iss", "aud", "exp", "iat", "nbf"}, claim) {
			return nil, fmt.Errorf("checking issuer %q: claim %q cannot name a session or a token", options.Issuer, claim)
		}
	}
	signatures, err := NewSignatures(options.Keys, options.Algorithms...)
	if err != nil {
		return nil, fmt.Errorf("checking issuer %q: %w", options.Issuer, err)
	}
	return &issuer{IssuerOptions: options, signatures: signatures}, nil
}

func (i *issuer) checkAudience(m members) error { return checkAudience(m, i.Audiences, i.AnyAudience) }

// checkAudience implements RFC 7519 §4.1.3: `aud` is a string or an array of strings. It
// must hold one of ours, unless any is accepted.
func checkAudience(m members, ours []string, anyWill bool) error {
	value, ok := m.Find("aud")
	if !ok {
		if anyWill {
			return nil
		}
		return refuse("aud is missing")
	}
	elements, isArray := strictjson.Elements(value)
	if !isArray {
		elements = append(elements, value)
	}
	matched := anyWill
	for _, element := range elements {
		audience, isText := strictjson.Text(element)
		if !isText {
			return refuse(strconv.Quote("aud") + " is neither a string nor an array of strings")
		}
		matched = matched || slices.Contains(ours, audience)
	}
	if !matched {
		return refuse("aud does not name this gate")
	}
	return nil
}
