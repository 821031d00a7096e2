package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/config"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// ClaimNames is a list of claims. In JSON, one claim may also be a text without a list, as in
// earlier versions.
type ClaimNames []string

// UnmarshalJSON implements json.Unmarshaler.
func (c *ClaimNames) UnmarshalJSON(text []byte) error {
	if text[0] != '"' {
		return json.Unmarshal(text, (*[]string)(c))
	}
	*c = make(ClaimNames, 1)
	return json.Unmarshal(text, &(*c)[0])
}

// Requirement is a claim that a token must have.
type Requirement struct {
	// Claim is a member of the token, or a dotted path to one. Required.
	Claim string `json:"claim,omitempty"`

	// Values lists the accepted values. The claim must be one of them, or be an array or a
	// list of scopes with one of them. Required.
	Values []string `json:"values,omitempty"`
}

// Wildcard is what the asterisk in the name of an issuer stands for.
type Wildcard struct {
	// Claim is the claim with the value, such as tid. Required.
	Claim string `json:"claim,omitempty"`

	// Values lists the accepted values. Default: all.
	Values []string `json:"values,omitempty"`
}

// setClaims sets the options that say how claims are read.
func (i *Issuer) setClaims(o *token.IssuerOptions) {
	o.AudienceClaims, o.SessionClaims, o.SubjectClaims = i.AudienceClaim, i.SessionClaim, i.SubjectClaim
	o.TokenIDClaim, o.ScopeClaims = i.TokenIDClaim, i.ScopeClaim
	o.Require = requirements(i.Require)
	o.AcceptMissingIssuer, o.AcceptMissingIssuedAt = i.AcceptMissingIss, time.Duration(i.AcceptMissingIat)
	o.NoLogin, o.AdmitReauthentication = i.LoginClaim == "none", i.Reauthentication == "admit"
	switch i.WithoutSession {
	case "token":
		o.WithoutSession = token.EndToken
	case "refuse":
		o.WithoutSession = token.RefuseToken
	}
	if i.Wildcard != nil {
		o.WildcardClaim, o.WildcardValues = i.Wildcard.Claim, i.Wildcard.Values
	}
}

func requirements(list []*Requirement) []token.Requirement {
	required := make([]token.Requirement, len(list))
	for n, r := range list {
		required[n] = token.Requirement(*r)
	}
	return required
}

// checkWildcard refuses a wildcard whose issuer has no claim or no asterisk, or has to be
// discovered, and an asterisk without a wildcard.
func (i *Issuer) checkWildcard() error {
	switch {
	case i.Wildcard == nil:
		return token.CheckWildcard(i.Issuer, "")
	case i.Wildcard.Claim == "":
		return errors.New("wildcard names no claim; write: wildcard <claim> [<value>...]")
	case i.Discover:
		return errors.New("wildcard does not go with discover, because no document has the name with the *; name the keys with jwks")
	case i.AcceptMissingIss:
		return errors.New("wildcard does not go with accept_missing_iss, because a token without iss is of no tenant; take out one of them")
	}
	for _, value := range i.Wildcard.Values {
		if !config.HasPlaceholder(value) && !token.IsTenant(value) {
			return fmt.Errorf("wildcard %q cannot stand in the name of an issuer; name one segment, without * and slashes, or no value for all", value)
		}
	}
	return token.CheckWildcard(i.Issuer, i.Wildcard.Claim)
}

// tenants is what the documents of issuers with many tenants write for the tenant.
const tenants = "{tenantid}"

// checkName refuses at adapt what is wrong whatever the placeholders hold.
func (i *Issuer) checkName() error {
	switch {
	case strings.Contains(i.Issuer, tenants):
		return fmt.Errorf("%s is no placeholder; write * for it, and: wildcard tid", tenants)
	case config.HasPlaceholder(i.Issuer):
		return nil // known at the start of the gate
	}
	return i.checkWildcard()
}

// checkNameless refuses two issuers of tokens without `iss`.
func checkNameless(issuers []*Issuer) error {
	var first *Issuer
	for _, i := range issuers {
		switch {
		case !i.AcceptMissingIss:
		case first == nil:
			first = i
		default:
			return fmt.Errorf("issuers %q and %q both have accept_missing_iss; a token without iss can be of one issuer only, so take it out of the other", first.Issuer, i.Issuer)
		}
	}
	return nil
}

// checkLogin sets the defaults of the words about sessions and logins, and refuses others.
func (i *Issuer) checkLogin() error {
	config.SetDefault(&i.WithoutSession, "subject")
	config.SetDefault(&i.LoginClaim, "auth_time")
	config.SetDefault(&i.Reauthentication, "refuse")
	if i.Reauthentication == "admit" && i.LoginClaim == "none" {
		return errors.New("reauthentication admit does not go with login_claim none, because only auth_time tells a later login; take out one of them")
	}
	return errors.Join(
		config.OneOf("without_session", i.WithoutSession, "subject", "token", "refuse"),
		config.OneOf("login_claim", i.LoginClaim, "auth_time", "none"),
		config.OneOf("reauthentication", i.Reauthentication, "refuse", "admit"),
	)
}

// checkMissing refuses issuers of which no token without `iat` could be accepted.
func checkMissing(issuers []*Issuer, maxLifetime time.Duration) error {
	for _, i := range issuers {
		if lifetime := time.Duration(i.AcceptMissingIat); lifetime < 0 || lifetime > maxLifetime {
			return fmt.Errorf("checking session_gate: accept_missing_iat %v of issuer %q is not between 0s and max_token_lifetime %v; "+
				"raise max_token_lifetime", lifetime, i.Issuer, maxLifetime)
		}
	}
	return nil
}

// resolveRequirements replaces the placeholders in requirements.
func resolveRequirements(field string, list []*Requirement) error {
	for _, r := range list {
		if r == nil || r.Claim == "" || len(r.Values) == 0 {
			return fmt.Errorf("checking %s: it names no claim or no value; name both, as in require token_use access", field)
		}
		if err := errors.Join(config.Resolve(field, &r.Claim), config.ResolveAll(field, r.Values)); err != nil {
			return err
		}
	}
	return nil
}

// resolveClaims replaces the placeholders in the names of claims.
func (i *Issuer) resolveClaims(field func(name string) string) error {
	for _, list := range []struct {
		name   string
		values []string
	}{
		{"session_claim", i.SessionClaim},
		{"subject_claim", i.SubjectClaim},
		{"audience_claim", i.AudienceClaim},
		{"scope_claim", i.ScopeClaim},
	} {
		if err := config.ResolveAll(field(list.name), list.values); err != nil {
			return err
		}
	}
	if i.Wildcard != nil {
		if err := errors.Join(config.Resolve(field("wildcard"), &i.Wildcard.Claim), config.ResolveAll(field("wildcard"), i.Wildcard.Values)); err != nil {
			return err
		}
	}
	if err := config.Resolve(field("a word"), &i.WithoutSession, &i.LoginClaim, &i.Reauthentication); err != nil {
		return err
	}
	return resolveRequirements(field("require"), i.Require)
}

// sessionClaims returns the claims that name a session.
func (i *Issuer) sessionClaims() []string {
	if len(i.SessionClaim) == 0 {
		return []string{"sid"}
	}
	return i.SessionClaim
}

// noSessions are claims that name a user, an application or a tenant. As a session, they would
// make one logout end all sessions of them, for good.
var noSessions = []string{"sub", "oid", "uid", "user_id", "azp", "client_id", "cid", "tid", "aud", "email"}

// warnSessionClaim warns of a session claim that names something else than a session.
func (i *Issuer) warnSessionClaim(logger *slog.Logger) {
	for _, claim := range i.sessionClaims() {
		if slices.Contains(noSessions, claim) {
			logger.Warn("session_claim names a claim that is no session: one DELETE keeps out everybody who shares it, also after a new login; "+
				"name a claim of the session, or leave it out", "claim", claim, "issuer", i.Issuer)
		}
	}
}
