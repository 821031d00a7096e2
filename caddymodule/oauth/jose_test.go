package oauth_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/oauth"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// accepts reports whether a request may present a token, in a form and in JSON, and whether
// an answer may contain it.
func accepts(t *testing.T, token string) (requested, answered bool) {
	t.Helper()
	doc, err := json.Marshal(map[string]string{"refresh_token": token})
	if err != nil {
		t.Fatal(err)
	}
	form, inJSON := new(oauth.Parameters), new(oauth.Parameters)
	err1 := form.AddForm("refresh_token=" + url.QueryEscape(token))
	err2 := inJSON.AddJSON(doc)
	if (err1 == nil) != (err2 == nil) {
		t.Errorf("%.80q: %v in a form and %v in JSON", token, err1, err2)
	}
	if err1 != nil && !errors.Is(err1, oauth.ErrRequest) || err1 == nil && form.Refresh() != token {
		t.Errorf("%.80q: read as %.80q, %v", token, form.Refresh(), err1)
	}
	answer, err := new(oauth.Names).ParseAnswer("application/json", doc)
	if err != nil && !errors.Is(err, oauth.ErrAnswer) || err == nil && answer.Refresh != token {
		t.Errorf("%.80q: handed out as %.80q, %v", token, answer.Refresh, err)
	}
	return err1 == nil, err == nil
}

// random is base64url of some random octets.
func random(octets int) string {
	b := make([]byte, octets)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// Refresh tokens of real servers are accepted unchanged.
func TestRealRefreshTokensPass(t *testing.T) {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	hs512 := tokentest.Mint(t, tokentest.NewKey(t, "HS512", ""), tokentest.Claims(time.Now(), map[string]any{"typ": "Refresh"}))
	jwe := part(`{"cty":"JWT","enc":"A256GCM","alg":"RSA-OAEP"}`)
	for name, token := range map[string]string{
		"Okta":                    "kfZ4X1vDMMD-5bGvd2sTzpRtZc_IxTW_0ZXVwVyMUhs",
		"Auth0":                   "v1.MjZ2k1eFv_zq8Lx0GQ3mXm9x1nO-4S4bY0rNUbnR0Z9fQ8d2pJ0sGdQ",
		"Google":                  "1//0gT3Yd-x_kZ9pCgYIARAAGBASNwF-L9IrX1vY0lNqQq6c3n2pM5p8q4nJq",
		"Keycloak":                hs512,
		"Keycloak, offline":       tokentest.Mint(t, tokentest.NewKey(t, "HS256", ""), tokentest.Claims(time.Now(), map[string]any{"typ": "Offline", "exp": nil})),
		"Entra ID":                "0.AXoAvVt8eM9zXE6qk0" + random(40) + ".AgABAAEAAAD" + random(400),
		"Entra ID, another":       "1.AUEBvVt8eM9zXE6qk0" + random(600),
		"Microsoft accounts":      "M.C546_BAY.0.U.-CkT!x8a*Q7Pz$2cB!GZ0b*uJ5lq9fWm!tTt6cEo2w$$",
		"Cognito":                 jwe + "." + random(256) + "." + random(12) + "." + random(900) + "." + random(16),
		"a JWE without a key":     part(`{"alg":"dir","enc":"A256GCM"}`) + ".." + random(12) + "." + random(300) + "." + random(16),
		"GitHub":                  "ghr_1B4a2e77838347a7E420ce178F2E7c6912E169246c34E1ccbF66C46812d16D5B1A9Dc86A1498",
		"Ory Hydra":               "ory_rt_" + random(32) + "." + random(32),
		"Ory Hydra, older":        random(32) + "." + random(32),
		"GitLab and Doorkeeper":   "ae2ff1e2f1d8c9e7a4f5b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6d7e8f9012",
		"Zitadel":                 random(96),
		"OpenIddict":              "CfDJ8" + random(700),
		"IdentityServer":          "8F5D1E7B0C2A4E6F9B3D5C7A1E0F2B4D6C8A9E1F3B5D7C0A2E4F6B8D1C3A5E7F-1",
		"a UUID in braces":        "{3f2504e0-4f89-41d3-9a0c-0305e82c3301}",
		"a UUID":                  "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
		"Laravel Passport":        "def50200" + strings.Repeat("9c1f7ab3", 80),
		"Salesforce":              "5Aep861TSESvWeug_xHGVwvdtvkbBG_pPWR5qWx1v4cO.Ef0a2mPQ8bLrVN!AQcAQLz2",
		"Slack":                   "xoxe-1-My0xLTIwNDYzODY0ODk1MTUtMzU4NzQ2ODA1MTkzNi0zNTc0",
		"a PASETO":                "v2.local." + random(120) + "." + part(`{"kid":"k1"}`),
		"Amazon":                  "Atzr|IQEBLzAtAhRPpMJxdwVz2Nn6f2y-tpJX2DeXEXAMPLE",
		"eBay":                    "v^1.1#i^1#p^3#r^1#I^3#f^0#t^Ul4xMF8xMTpEQUVGNDE5QjU2MzRBN0M5",
		"Zoho":                    "1000.8cb99d4f5d5bd7b9a2d0d6dfd9e9cb0f.d2d43ffb5ecbe0ea6fea2c4fdf6a5ff1",
		"Dropbox":                 "nBiM85CZALsAAAAAAAAAAQXHBoNpNutK4ngsXHsqW4iGz9tisb3JyjGqikMJIYbd",
		"LinkedIn":                "AQX" + random(350),
		"base64 of an object":     "eyJpdiI6IkE9PSIsInZhbHVlIjoiQj09IiwibWFjIjoiYyJ9",
		"base64 with padding":     "tGzv3JOkF0XG5Qx2TlKWIA==",
		"base64 of old":           "pQ+9/x1mZk0rC7vB2nL8yTqWfE4=",
		"a URL":                   "https://a.example/grants/eyJ?x=%41&y=50%25",
		"a JWS of few characters": part(`{"alg":"HS256"}`) + "." + part(`{}`) + "." + random(32),
		"unsigned":                part(`{"alg":"none"}`) + "." + part(`{}`) + ".",
		"an object, and a dot":    part(`{"id":1}`) + "." + random(31) + "=",
	} {
		if requested, answered := accepts(t, token); !requested || !answered {
			t.Errorf("%s: %.80s may be presented: %t, and handed out: %t", name, token, requested, answered)
		}
	}
}

// Attack: send a JWT refresh token of a revoked subject in another spelling, which no gate
// has seen in a response. The endpoint decodes it leniently, and the gate cannot verify it.
func TestARespeltSignedTokenIsRefused(t *testing.T) {
	raw := tokentest.Mint(t, tokentest.NewKey(t, "ES384", ""), tokentest.Claims(time.Now(), nil))
	parts := strings.Split(raw, ".")
	const spare = "eyJhbGciOiJIUzI1NiJ9.e30.AAAA" // for headers with spare space
	standard := strings.NewReplacer("-", "+", "_", "/")
	for name, token := range map[string]string{
		"padding":                                   raw + "=",
		"more padding":                              raw + "==",
		"padding of the header":                     parts[0] + "=." + parts[1] + "." + parts[2],
		"padding of the payload":                    parts[0] + "." + parts[1] + "=." + parts[2],
		"spare bits in the header":                  "eyJhbGciOiJIUzI1NiIgfR.e30.AAAA",
		"spare bits in the payload":                 "eyJhbGciOiJIUzI1NiJ9.e31.AAAA",
		"spare bits in the signature":               "eyJhbGciOiJIUzI1NiJ9.e30.AB",
		"the other alphabet":                        "eyJhbGciOiJIUzI1NiJ9.e30.a+b/",
		"the other alphabet, in the header":         standard.Replace("eyJhbGciOiJIUzI1NiIsImtpZCI6Ij8_Pz8-In0") + ".e30.AAAA",
		"the other alphabet, before the algorithm":  standard.Replace(base64.RawURLEncoding.EncodeToString([]byte(`{"kid":"???>>>","alg":"HS256"}`))) + ".e30.AAAA",
		"a character too many":                      spare + "A",
		"one too many in the header":                "eyJhbGciOiJIUzI1NiJ9A.e30.AAAA",
		"a line break in the signature":             "eyJhbGciOiJIUzI1NiJ9.e30.AA\r\nAA",
		"a part too many":                           spare + ".",
		"another one":                               spare + ".x",
		"as many as an encrypted one has":           spare + ".x.y",
		"a part too few":                            "eyJhbGciOiJIUzI1NiJ9.e30",
		"no payload":                                "eyJhbGciOiJIUzI1NiJ9..AAAA",
		"a dot before":                              "." + raw,
		"a quote and a dot before":                  `".` + raw,
		"characters that decoders skip, and dots":   "<!.'." + raw,
		"such characters and dots, escaped":         "%22%2e" + raw,
		"two dots":                                  "eyJhbGciOiJIUzI1NiJ9..e30.AAAA",
		"a character that decoders skip":            "eyJhbGciOiJIUzI1NiJ9.e30.AA!AA",
		"one in the header":                         "ey*JhbGciOiJIUzI1NiJ9.e30.AAAA",
		"one before the header":                     `"` + spare + `"`,
		"a bracket":                                 "<" + spare + ">",
		"escapes for those who decode twice":        "%65yJhbGciOiJIUzI1NiJ9.e30.AAAA",
		"an escaped dot":                            "eyJhbGciOiJIUzI1NiJ9%2Ee30%2eAAAA",
		"a plus sign for those who decode twice":    "+" + spare,
		"plus signs in the header":                  "eyJh+bGciOiJIUzI1NiJ9.e30.AAAA",
		"the flattened form in JSON":                `{"protected":"eyJhbGciOiJIUzI1NiJ9","payload":"e30","signature":"AAAA"}`,
		"the general form in JSON, escaped":         `{"\u0070ayload":"e30","signatures":[{"protected":"eyJhbGciOiJIUzI1NiJ9","signature":"AAAA"}]}`,
		"blanks in the header":                      base64.RawURLEncoding.EncodeToString([]byte(` {"alg":"HS256"}`)) + ".e30.AAA=",
		"an encrypted one, with padding":            "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4R0NNIn0.a2V5.aXY=.Y2lwaGVy_w.dGFnZw",
		"an encrypted one, with spare bits":         "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4R0NNIn0.a2V5.aXY.Y2lwaGVy_w.dGFnZx",
		"an encrypted one in the other alphabet":    "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4R0NNIn0.a2V5.aXY.Y2lwaGVy/w.dGFnZw",
		"an encrypted one with a foreign character": `eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4R0NNIn0.a2V5.aX!Y.Y2lw\aGVy_w.dGFnZw`,
		"an encrypted one with a part too many":     "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4R0NNIn0.a2V5.aXY.Y2lwaGVy_w.dGFnZw.",
		"an encrypted one of three parts":           "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4R0NNIn0.a2V5.aXY",
	} {
		if requested, answered := accepts(t, token); requested || answered {
			t.Errorf("%s: %s may be presented: %t, and handed out: %t", name, token, requested, answered)
		}
	}
	for _, name := range []string{"subject_token", "actor_token"} {
		if _, err := parse("", name+"="+url.QueryEscape(spare+"A")); !errors.Is(err, oauth.ErrRequest) {
			t.Errorf("%s: %v, want ErrRequest", name, err)
		}
	}
}

// Attack: every other last character that decodes to the same signature.
func TestEverySpareBitIsRefused(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for size := 16; size < 40; size++ {
		signature := random(size)
		decoded, _ := base64.RawURLEncoding.DecodeString(signature) // random has encoded it
		for _, last := range alphabet {
			respelt := signature[:len(signature)-1] + string(last)
			same, err := base64.RawURLEncoding.DecodeString(respelt)
			if err != nil || string(same) != string(decoded) {
				continue
			}
			if requested, _ := accepts(t, "eyJhbGciOiJIUzI1NiJ9.e30."+respelt); requested != (respelt == signature) {
				t.Errorf("%s for %s may be presented: %t", respelt, signature, requested)
			}
		}
	}
}
