package token

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// checkAudience refuses a token unless one of the issuer's audience claims holds one of the
// audiences, or any audience is accepted. The error says which word would admit the token.
func (i *issuer) checkAudience(m members) error {
	fault := audienceFault(m, i.AudienceClaims, i.Audiences, i.AnyAudience)
	if fault == "" {
		return nil
	}
	return refuse(fault + i.audienceHint(m))
}

// audienceFault implements RFC 7519 §4.1.3 for these claims: each is a text or an array of
// texts. One of them must hold one of ours, unless any is accepted. A null claim and an
// empty text are absent. It returns the rule that the token breaks, "" if none.
func audienceFault(m members, claims, ours []string, anyWill bool) string {
	found, matched := false, anyWill
	for _, claim := range claims {
		value, ok := m.find(claim)
		if !ok || string(value) == `""` {
			continue
		}
		found = true
		for _, element := range elementsOf(value) {
			audience, isText := strictjson.Text(element)
			if !isText {
				return strconv.Quote(claim) + " is neither a string nor an array of strings"
			}
			matched = matched || slices.Contains(ours, audience)
		}
	}
	switch {
	case matched:
		return ""
	case !found:
		return strings.Join(claims, " and ") + " is missing"
	default:
		return strings.Join(claims, " and ") + " does not name this gate"
	}
}

// audienceHint says which word would admit a token with other audiences: audience_claim if one
// of the claims in which issuers name the client holds one of ours.
func (i *issuer) audienceHint(m members) string {
	for _, claim := range []string{"azp", "client_id", "cid", "appid"} {
		value, _ := m.Find(claim)
		if text, ok := strictjson.Text(value); ok && slices.Contains(i.Audiences, text) {
			return ", but " + claim + " does: audience_claim " + claim + " accepts that"
		}
	}
	return "; audience lists what is accepted, audience_claim names another claim, and any_audience accepts all"
}

// elementsOf returns the elements of an array, or another value as the only one.
func elementsOf(value json.RawMessage) []json.RawMessage {
	elements, isArray := strictjson.Elements(value)
	if !isArray {
		return append(elements, value)
	}
	return elements
}
