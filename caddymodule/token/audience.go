package token

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// checkAudience refuses a token unless one of the issuer's audience claims holds one of the
// audiences, or any audience is accepted.
func (i *issuer) checkAudience(m members) error {
	return checkAudience(m, i.AudienceClaims, i.Audiences, i.AnyAudience)
}

// checkAudience implements RFC 7519 §4.1.3 for these claims: each is a text or an array of
// texts. One of them must hold one of ours, unless any is accepted. A null claim and an
// empty text are absent.
func checkAudience(m members, claims, ours []string, anyWill bool) error {
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
				return refuse(strconv.Quote(claim) + " is neither a string nor an array of strings")
			}
			matched = matched || slices.Contains(ours, audience)
		}
	}
	switch {
	case matched:
		return nil
	case !found:
		return refuse(strings.Join(claims, " and ") + " is missing" + otherAudience(m, ours))
	default:
		return refuse(strings.Join(claims, " and ") + " does not name this gate" + otherAudience(m, ours))
	}
}

// otherAudience returns a hint if one of the claims in which issuers name the client holds
// one of ours.
func otherAudience(m members, ours []string) string {
	for _, claim := range []string{"azp", "client_id", "cid", "appid"} {
		value, _ := m.Find(claim)
		if text, ok := strictjson.Text(value); ok && slices.Contains(ours, text) {
			return ", but " + claim + " does: audience_claim " + claim + " accepts that"
		}
	}
	return ""
}

// elementsOf returns the elements of an array, or another value as the only one.
func elementsOf(value json.RawMessage) []json.RawMessage {
	elements, isArray := strictjson.Elements(value)
	if !isArray {
		return append(elements, value)
	}
	return elements
}
