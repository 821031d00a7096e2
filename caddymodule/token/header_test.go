package token_test

import (
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

func TestHeaderAccepted(t *testing.T) {
	v, key := hmacVerifier(t)
	payload := claimsJSON(t, nil)
	for name, header := range map[string]string{
		"no typ":                    `{"alg":"HS256"}`,
		"JWT":                       `{"alg":"HS256","typ":"JWT"}`,
		"jwt":                       `{"typ":"jwt","alg":"HS256"}`,
		"access token":              `{"alg":"HS256","typ":"at+jwt"}`,
		"access token, full type":   `{"alg":"HS256","typ":"application/at+jwt"}`,
		"access token, other case":  `{"alg":"HS256","typ":"Application/AT+JWT"}`,
		"JWT, full type":            `{"alg":"HS256","typ":"application/jwt"}`,
		"kid that HMAC ignores":     `{"alg":"HS256","kid":"whatever"}`,
		"unknown members":           `{"alg":"HS256","x":{"y":[1]},"cty":"JWT"}`,
		"claims, which say nothing": `{"alg":"HS256","iss":"https://evil.example.com","aud":"x","exp":1,"sid":"y"}`,
		"typ is empty":              `{"alg":"HS256","typ":""}`,
		"typ is null":               `{"alg":"HS256","typ":null}`,
		"kid is empty":              `{"alg":"HS256","kid":""}`,
		"kid is null":               `{"alg":"HS256","kid":null}`,
		"space around":              " {\"alg\" : \"HS256\"}\n",
		"escaped letters of a name": `{"\u0061lg":"HS256"}`,
	} {
		t.Run(name, func(t *testing.T) { mustVerify(t, v, tokentest.Seal(t, key, header, payload)) })
	}
}

// Attacks: headers that libraries read differently, and extensions that change the signed
// contents (RFC 7515 §4.1.11, RFC 7797).
func TestHeaderRefused(t *testing.T) {
	v, key := hmacVerifier(t)
	payload := claimsJSON(t, nil)
	for name, header := range map[string]string{
		"no alg":                `{"typ":"JWT"}`,
		"alg null":              `{"alg":null}`,
		"alg is a list":         `{"alg":["HS256"]}`,
		"alg twice":             `{"alg":"HS256","alg":"HS256"}`,
		"alg and ALG":           `{"alg":"HS256","ALG":"none"}`,
		"KELVIN SIGN duplicate": "{\"alg\":\"HS256\",\"kid\":\"a\",\"\u212aid\":\"b\"}",
		"crit":                  `{"alg":"HS256","crit":["exp"],"exp":1}`,
		"empty crit":            `{"alg":"HS256","crit":[]}`,
		"crit null":             `{"alg":"HS256","crit":null}`,
		"unencoded payload":     `{"alg":"HS256","b64":false,"crit":["b64"]}`,
		"b64 without crit":      `{"alg":"HS256","b64":true}`,
		"kid is a number":       `{"alg":"HS256","kid":1}`,
		"kid is an object":      `{"alg":"HS256","kid":{"a":"b"}}`,
		"typ is a number":       `{"alg":"HS256","typ":1}`,
		"null":                  `null`,
		"array":                 `[{"alg":"HS256"}]`,
		"trailing data":         `{"alg":"HS256"}{}`,
		"invalid UTF-8":         "{\"alg\":\"HS256\",\"x\":\"\xff\"}",
		"nested too deep": `{"alg":"HS256","x":` + strings.Repeat("[", strictjson.MaxDepth) +
			strings.Repeat("]", strictjson.MaxDepth) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			mustRefuse(t, v, tokentest.Seal(t, key, header, payload), token.ErrInvalid)
		})
	}
}
