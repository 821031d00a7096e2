package caddymodule

import (
	"encoding/json"

	"github.com/sessiongate/sessiongate/caddymodule/config"
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
	return nil
}

// sessionClaims returns the claims that name a session.
func (i *Issuer) sessionClaims() []string {
	if len(i.SessionClaim) == 0 {
		return []string{"sid"}
	}
	return i.SessionClaim
}
