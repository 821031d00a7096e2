package token

import (
	"encoding/json"
	"fmt"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// registered are the claims that every gate reads, whatever is configured.
var registered = []string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", // RFC 7519 §4.1
	"sid", "auth_time", "nonce", "azp", "events", "act", "client_id", "cid", "scope", "scp",
}

// names holds names of claims, folded (strictjson.Fold).
type names map[string]struct{}

// add adds the top-level member of a claim. A dotted path may begin with any of its dots.
func (n names) add(claims ...string) {
	for _, claim := range claims {
		folded := strictjson.Fold(claim)
		n[folded] = struct{}{}
		for i := range len(folded) {
			if folded[i] == '.' {
				n[folded[:i]] = struct{}{}
			}
		}
	}
}

func (n names) has(folded string) bool {
	_, ok := n[folded]
	return ok
}

// names returns the names of the claims that the gate reads in tokens of the issuer.
func (o *IssuerOptions) names() names {
	n := names{}
	n.add(registered...)
	n.add(o.TokenIDClaim, o.WildcardClaim)
	for _, r := range o.Require {
		n.add(r.Claim)
	}
	for _, claims := range [][]string{o.AudienceClaims, o.SessionClaims, o.SubjectClaims, o.ScopeClaims} {
		n.add(claims...)
	}
	return n
}

// claimsOf returns the claims of a payload. It refuses a name that occurs twice. It refuses
// names that differ only in letter case if the gate reads one of them, or sets it as an
// identity: the application behind the gate may read the other one.
//
// Attack: {"sid":"mine","SID":"yours"}, in which two readers find two sessions.
func claimsOf(o strictjson.Object, reads ...names) (members, error) {
	seen := make(map[string]struct{}, 16)
	found := make(strictjson.Members, 0, 16)
	err := o.Members(func(name string, value json.RawMessage) error {
		key, folded := name, strictjson.Fold(name)
		for _, read := range reads {
			if read.has(folded) {
				key = folded
			}
		}
		if _, twice := seen[key]; twice {
			return fmt.Errorf("scanning JSON: %w", strictjson.ErrDuplicate)
		}
		seen[key] = struct{}{}
		found = append(found, strictjson.Member{Name: name, Value: value})
		return nil
	})
	if err != nil {
		return members{}, refuse("payload: " + err.Error())
	}
	return members{found}, nil
}
