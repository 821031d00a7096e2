package token

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
)

// Comparison is what a step compares, for people: the values that are accepted, and those of
// the token, each with its name. They may be long, many, and written by anybody. Both are empty
// if a step compares nothing, or did not get that far.
type Comparison struct {
	Expected, Found []string
}

// Compare returns what a step of the explanation compared.
func (e Explanation) Compare(step Step) (c Comparison) {
	if e.trusted == nil && !slices.Contains([]Step{StepForm, StepAlgorithm, StepIssuer}, step) {
		return c // not taken
	}
	switch step {
	case StepForm:
		c.Expected = []string{"typ " + eitherOf(accessTokenTypes[1:]) + " or none", fmt.Sprintf("max_token_size %d", e.verifier.longest)}
		c.Found = append(e.typ, fmt.Sprintf("%d bytes", e.size))
	case StepAlgorithm:
		c = Comparison{[]string{"alg " + eitherOf(e.verifier.algorithms())}, named("alg", e.Algorithm)}
	case StepIssuer:
		for _, i := range e.verifier.issuers {
			c.Expected = append(c.Expected, "iss "+strconv.Quote(i.Issuer))
		}
		c.Found = named("iss", e.Issuer)
	case StepSignature:
		c = e.compareSignature()
	case StepAudience:
		c = e.compareAudience()
	case StepRequire:
		for _, r := range e.trusted.Require {
			c.Expected = append(c.Expected, r.String())
			c.Found = append(c.Found, e.claims(r.Claim)...)
		}
	case StepLifetime:
		c = Comparison{
			[]string{"exp at most " + (time.Duration(e.verifier.lifetime) * time.Second).String() + " after iat"},
			slices.Concat(e.claims("iat"), e.claims("exp")),
		}
		if e.trusted.AcceptMissingIssuedAt > 0 {
			c.Found = append(c.Found, e.claims("nbf")...)
		}
	case StepIdentity:
		c = e.compareIdentity()
	case StepClaims:
		if claim := e.trusted.WildcardClaim; claim != "" && e.signed {
			c = Comparison{[]string{"iss " + strconv.Quote(e.trusted.Issuer) + " with " + claim + " for the *"}, append(named("iss", e.Issuer), e.claims(claim)...)}
			if len(e.trusted.WildcardValues) > 0 {
				c.Expected = append(c.Expected, claim+" "+eitherOf(quoted(e.trusted.WildcardValues)))
			}
		}
	case StepTime:
		c.Found = slices.Concat(e.claims("iat"), e.claims("nbf"), e.claims("exp"))
	}
	return c
}

func (e Explanation) compareSignature() (c Comparison) {
	c.Expected = []string{"alg " + eitherOf(e.trusted.signatures.allowed)}
	for _, id := range keys.IDs(e.trusted.Keys) {
		c.Expected = append(c.Expected, "kid "+strconv.Quote(id))
	}
	return Comparison{c.Expected, append(named("alg", e.Algorithm), named("kid", e.KeyID)...)}
}

func (e Explanation) compareAudience() (c Comparison) {
	claims := strings.Join(e.trusted.AudienceClaims, " or ")
	for _, audience := range e.trusted.Audiences {
		c.Expected = append(c.Expected, claims+" "+strconv.Quote(audience))
	}
	if e.trusted.AnyAudience {
		c.Expected = []string{"any " + claims + " (any_audience)"}
	}
	for _, claim := range e.trusted.AudienceClaims {
		c.Found = append(c.Found, e.claims(claim)...)
	}
	return c
}

func (e Explanation) compareIdentity() (c Comparison) {
	if e.trusted.WithoutSession == RefuseToken {
		c.Expected = append(c.Expected, "a session claim, or a subject with auth_time (without_session refuse)")
	}
	for _, claims := range [][]string{e.trusted.SubjectClaims, e.trusted.SessionClaims, {e.trusted.TokenIDClaim}} {
		c.Expected = append(c.Expected, strings.Join(claims, " or ")+" as a text, an integer or none")
		c.Found = append(c.Found, e.firstClaim(claims))
	}
	return c
}

// firstClaim returns the first of the claims that the token has.
func (e Explanation) firstClaim(claims []string) string {
	for _, claim := range claims {
		if value, ok := e.members.find(claim); ok {
			return claim + " " + string(value)
		}
	}
	return "no " + strings.Join(claims, ", no ")
}

// claims returns a claim and its JSON, or that the token does not have it.
func (e Explanation) claims(name string) []string { return []string{e.firstClaim([]string{name})} }

// algorithms returns all that some issuer may use.
func (v *Verifier) algorithms() (names []string) {
	for _, i := range v.issuers {
		for _, name := range i.signatures.allowed {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// SiteCheck is whether a token meets the rules of a site.
type SiteCheck struct {
	Site Site
	Met  bool
}

// Sites returns the rules of the sites that have their own, and whether a token of Verify or
// Explain meets them.
func (v *Verifier) Sites(t *Verified) (checks []SiteCheck) {
	for i, site := range v.added.Load().sites {
		if i < len(t.sites) {
			checks = append(checks, SiteCheck{site, t.sites[i]})
		}
	}
	return checks
}

// String returns the requirement in the words of a configuration.
func (r Requirement) String() string { return r.Claim + " " + eitherOf(quoted(r.Values)) }

// named returns a text of the header or the payload with its name.
func named(name, text string) []string {
	if text == "" {
		return []string{"no " + name}
	}
	return []string{name + " " + strconv.Quote(text)}
}

func quoted(texts []string) []string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = strconv.Quote(text)
	}
	return quoted
}

func eitherOf(texts []string) string { return strings.Join(texts, " or ") }
