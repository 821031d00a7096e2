package token

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// Requirement is a claim that a token must have: its text is one of the values, or it is an
// array with one of them. Numbers and booleans are compared as they are written. A claim
// with scopes also meets the requirement if one of its scopes is one of the values.
type Requirement struct {
	// Claim is a member of the payload, or a dotted path to one. Required.
	Claim string
	// Values lists the accepted values, at least one.
	Values []string
}

// check refuses a requirement that no token meets, or every token.
func (r Requirement) check() error {
	if r.Claim == "" || len(r.Values) == 0 {
		return fmt.Errorf("requirement of claim %q with %d values; name the claim and the values that are accepted", r.Claim, len(r.Values))
	}
	return nil
}

// isMetBy reports whether the claims meet the requirement. Of the texts, those of these
// claims are lists of scopes.
//
// Attack: a user writes "guest admin" into a claim of his profile. A text counts as a whole,
// unless it is one of scopes.
func (r Requirement) isMetBy(m members, scopes []string) bool {
	value, ok := m.find(r.Claim)
	if !ok {
		return false
	}
	for _, element := range elementsOf(value) {
		text, ok := scalarText(element)
		if ok && slices.Contains(r.Values, text) {
			return true
		}
	}
	text, isText := strictjson.Text(value)
	return isText && slices.Contains(scopes, r.Claim) &&
		slices.ContainsFunc(strings.FieldsFunc(text, isScopeSpace), func(s string) bool { return slices.Contains(r.Values, s) })
}

// checkRequirements refuses a token that does not meet all of the issuer's requirements.
func (i *issuer) checkRequirements(m members) error {
	for _, r := range i.Require {
		if !r.isMetBy(m, i.scopeClaims) {
			return refuse(r.fault(m))
		}
	}
	return nil
}

// fault says how a token breaks the requirement. Issuers call the claim of the scopes `scope` or
// `scp`.
func (r Requirement) fault(m members) string {
	if _, has := m.find(r.Claim); has {
		return "the claim " + strconv.Quote(r.Claim) + " is none of the values that require names"
	}
	fault := "the claim " + strconv.Quote(r.Claim) + " is missing, and require names it"
	other, isScopes := map[string]string{"scope": "scp", "scp": "scope"}[r.Claim]
	if _, has := m.find(other); isScopes && has {
		fault += "; the token has " + other + ", so write require " + other + " " + strings.Join(r.Values, " ")
	}
	return fault
}
