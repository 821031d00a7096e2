package tokentest

import (
	_ "embed" // the shapes
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"
)

//go:embed shapes.json
var shapes []byte

// Shape is a token as a real issuer sends it, and what an operator writes about the issuer.
type Shape struct {
	// Name names the issuer and the kind of token.
	Name string
	// Issuer is the name of the issuer block. Default: the `iss` of the tokens.
	Issuer string
	// Options are lines of the global block, Block those of the issuer block. The source of
	// the keys is not among them.
	Options, Block []string
	// Iss is the `iss` of the tokens, "" if they have none.
	Iss string
	// Header is the header of the tokens.
	Header map[string]any
	// Claims are those of a token. A date is "now+300", or "ISO now+300" for a text of
	// ISO 8601: see At.
	Claims map[string]any
	// Unique names the claims that differ in each token of the issuer.
	Unique []string
	// Session names the claims that name the session, as far as the issuer's tokens have one.
	Session []string
	// JWKWithoutAlg says that the keys of the issuer's key set have no `alg`.
	JWKWithoutAlg bool `json:"jwk_without_alg"`
	// JWKMore are further members of a key in the issuer's key set.
	JWKMore map[string]any `json:"jwk_more"`
}

// Shapes returns the token shapes of real issuers.
func Shapes(t testing.TB) (all []Shape) {
	t.Helper()
	if err := json.Unmarshal(shapes, &all); err != nil {
		t.Fatalf("reading token shapes: %v", err)
	}
	for i, s := range all {
		if s.Issuer == "" {
			all[i].Issuer = s.Iss
		}
	}
	return all
}

// Algorithm returns the `alg` of the tokens.
func (s Shape) Algorithm() string { return s.Header["alg"].(string) }

// KeyID returns the `kid` of the tokens, "" if they have none.
func (s Shape) KeyID() string {
	id, _ := s.Header["kid"].(string)
	return id
}

// JWK returns a public key as the issuer's key set has it.
func (s Shape) JWK(t testing.TB, key *Key) map[string]any {
	t.Helper()
	jwk := key.JWK(t)
	if !s.JWKWithoutAlg {
		jwk["alg"] = key.Algorithm
	}
	maps.Copy(jwk, s.JWKMore)
	return jwk
}

// IssuerBlock returns the issuer block, with a line that names a source of keys.
func (s Shape) IssuerBlock(source string) string {
	return fmt.Sprintf("issuer %s {\n%s\n%s\n}", s.Issuer, source, strings.Join(s.Block, "\n"))
}

// At returns the claims of a token of the shape, with the dates of now and with changes: a nil
// value removes the claim. Tokens with the same claims are one token: change Unique.
func (s Shape) At(t testing.TB, now time.Time, changes map[string]any) map[string]any {
	t.Helper()
	claims := maps.Clone(s.Claims)
	for name, value := range claims {
		text, _ := value.(string)
		text, isISO := strings.CutPrefix(text, "ISO ")
		offset, isDate := strings.CutPrefix(text, "now")
		if !isDate {
			continue
		}
		seconds, err := strconv.Atoi(offset)
		if err != nil {
			t.Fatalf("reading %s of %q: %v", name, s.Name, err)
		}
		if date := now.Add(time.Duration(seconds) * time.Second); isISO {
			claims[name] = date.UTC().Format("2006-01-02T15:04:05.000Z")
		} else {
			claims[name] = date.Unix()
		}
	}
	return merge(claims, changes)
}
