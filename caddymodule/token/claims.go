package token

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// claim is a top-level claim as text.
type claim struct {
	name, text string
	// fits reports whether a header field carries the text unchanged.
	fits bool
}

// claimTexts returns the claims that have a text, in their order.
func claimTexts(m members) []claim {
	claims := make([]claim, 0, len(m.Members))
	for _, member := range m.Members {
		if text, ok := claimText(member.Value); ok {
			claims = append(claims, claim{member.Name, text, fitsField(member.Value, text)})
		}
	}
	return slices.Clip(claims)
}

// claimText is the text of a string, number or boolean, or of an array of them
// joined with commas.
func claimText(value json.RawMessage) (string, bool) {
	elements, isArray := strictjson.Elements(value)
	if !isArray {
		return scalarText(value)
	}
	texts := make([]string, len(elements))
	for i, element := range elements {
		text, ok := scalarText(element)
		if !ok {
			return "", false
		}
		texts[i] = text
	}
	return strings.Join(texts, ","), true
}

func scalarText(value json.RawMessage) (string, bool) {
	switch value[0] {
	case '"':
		return strictjson.Text(value)
	case '{', '[', 'n':
		return "", false
	default:
		return string(value), true
	}
}

// claimScopes returns the scopes that a token grants, by these claims: texts with spaces
// between the scopes (RFC 8693 §4.2), or arrays with one scope in each element.
func claimScopes(m members, claims []string) (scopes []string) {
	for _, claim := range claims {
		value, ok := m.find(claim)
		if !ok {
			continue
		}
		if text, isText := strictjson.Text(value); isText {
			scopes = append(scopes, strings.FieldsFunc(text, isScopeSpace)...)
			continue
		}
		elements, _ := strictjson.Elements(value)
		for _, element := range elements {
			if text, isText := strictjson.Text(element); isText {
				scopes = append(scopes, text)
			}
		}
	}
	return slices.Clip(scopes)
}

// isScopeSpace: in RFC 6749 §3.3 only the space character separates scopes.
func isScopeSpace(r rune) bool { return r == ' ' }
