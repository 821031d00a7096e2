package token

import (
	"crypto"
	"fmt"
	"slices"
	"strconv"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// IssuerOptions say which tokens of one issuer are trusted.
type IssuerOptions struct {
	// Issuer is the exact `iss`. Required.
	Issuer string
	// Audiences: one of them must be in `aud`. Required unless AnyAudience.
	Audiences []string
	// AnyAudience accepts tokens that were issued for other services, and
	// tokens without `aud`. Default: false.
	AnyAudience bool
	// Algorithms are the signature algorithms accepted, by their names of RFC
	// 7518. Default: all that the keys can verify.
	Algorithms []string
	// SessionClaim names the claim with the session id. Default: sid.
	SessionClaim string
	// TokenIDClaim names the claim with the token id. Default: jti.
	TokenIDClaim string
	// Keys hold the issuer's keys. Required.
	Keys KeySource
}

// issuer is one trusted issuer, its options checked.
type issuer struct {
	IssuerOptions
	allowed []*algorithm
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
	case slices.Contains(options.Audiences, ""):
		return nil, fmt.Errorf("checking issuer %q: an empty audience", options.Issuer)
	case options.SessionClaim == options.TokenIDClaim:
		return nil, fmt.Errorf("checking issuer %q: session and token id are one claim %q", options.Issuer, options.SessionClaim)
	}
	for _, claim := range []string{options.SessionClaim, options.TokenIDClaim} {
		if slices.Contains([]string{"iss", "aud", "exp", "iat", "nbf"}, claim) {
			return nil, fmt.Errorf("checking issuer %q: claim %q cannot name a session or a token", options.Issuer, claim)
		}
	}
	allowed, err := allowedAlgorithms(options.Algorithms, options.Keys.possible())
	if err != nil {
		return nil, fmt.Errorf("checking issuer %q: %w", options.Issuer, err)
	}
	return &issuer{IssuerOptions: options, allowed: allowed}, nil
}

func allowedAlgorithms(names []string, possible []*algorithm) ([]*algorithm, error) {
	if len(names) == 0 {
		return possible, nil
	}
	var allowed []*algorithm
	for _, name := range names {
		a, known := algorithmNamed(name)
		switch {
		case !known:
			return nil, fmt.Errorf("checking algorithms: %q is not one of HS, RS, PS and ES 256-512 and EdDSA", name)
		case !slices.Contains(possible, a):
			return nil, fmt.Errorf("checking algorithms: %s does not fit the keys", name)
		}
		allowed = append(allowed, a)
	}
	return allowed, nil
}

// verifySignature checks the signature of a token that claims to be from this
// issuer.
//
// Invariant 3 (DESIGN): the algorithm and the key come from configuration and
// `kid`, never from the token alone. The token's `alg` only picks among those
// allowed, and a key is tried only with the algorithms of its type, so a public
// key is never a secret.
func (i *issuer) verifySignature(p parts, h header) error {
	at := slices.IndexFunc(i.allowed, func(a *algorithm) bool { return a.name == h.algorithm })
	if at < 0 {
		return refuse("alg is not allowed")
	}
	a := i.allowed[at]
	signature, err := decode("signature", p.signature)
	if err != nil {
		return err
	}
	keys, err := i.Keys.find(h.keyID, a)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if a.method.Verify(p.signed, signature, crypto.PublicKey(key)) == nil {
			return nil
		}
	}
	return refuse("signature does not verify")
}

// checkAudience implements RFC 7519 §4.1.3: `aud` is a string or an array of
// strings, and one of them has to be ours.
func (i *issuer) checkAudience(m members) error {
	value, ok := m.find("aud")
	if !ok {
		if i.AnyAudience {
			return nil
		}
		return refuse("aud is missing")
	}
	elements, isArray := strictjson.Elements(value)
	if !isArray {
		elements = append(elements, value)
	}
	matched := i.AnyAudience
	for _, element := range elements {
		audience, isText := strictjson.Text(element)
		if !isText {
			return refuse(strconv.Quote("aud") + " is neither a string nor an array of strings")
		}
		matched = matched || slices.Contains(i.Audiences, audience)
	}
	if !matched {
		return refuse("aud does not name this gate")
	}
	return nil
}
