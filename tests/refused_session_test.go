package tests

import (
	"crypto/ecdsa"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// untrusted are tokens of the session "victim" that must not be believed.
func untrusted(t *testing.T, g *harness.Gate) map[string]string {
	t.Helper()
	now := time.Now()
	victim := func(further ...any) string { return g.Token(session("victim", further...)) }
	genuine := victim()
	signature := strings.LastIndexByte(genuine, '.') + 1
	return map[string]string{
		"malformed":             "not-a-token",
		"signed by a stranger":  tokentest.Mint(t, harness.NewKey(), tokentest.Claims(now, session("victim"))),
		"cut off":               genuine[:len(genuine)-4],
		"with a foreign head":   "eyJhbGciOiJub25lIn0." + strings.SplitN(genuine, ".", 2)[1],
		"with another payload":  strings.Join([]string{strings.Split(genuine, ".")[0], strings.Split(victim("sub", "root"), ".")[1], genuine[signature:]}, "."),
		"expired":               victim("iat", now.Add(-2*time.Hour).Unix(), "exp", now.Add(-time.Hour).Unix()),
		"not yet valid":         victim("nbf", now.Add(time.Hour).Unix()),
		"of an unknown issuer":  victim("iss", "https://evil.example.com"),
		"for another audience":  victim("aud", "other-app"),
		"without an expiry":     victim("exp", nil),
		"that lives too long":   victim("exp", now.Add(48*time.Hour).Unix()),
		"with a critical field": tokentest.Mint(t, g.Key, tokentest.Claims(now, session("victim")), map[string]any{"crit": []string{"b64"}, "b64": false}),
		"of another kind":       tokentest.Mint(t, g.Key, tokentest.Claims(now, session("victim")), map[string]any{"typ": "logout+jwt"}),
	}
}

// Attack: end somebody's session with a token that its issuer never made for
// this application, or no longer stands for.
func TestDeleteNeedsGoodToken(t *testing.T) {
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		victim := g.Token(session("victim"))
		see(t, g, victim)
		t.Run("none", func(t *testing.T) { noToken.check(t, g.Send(t, "DELETE", endpoint)) })
		t.Run("of another scheme", func(t *testing.T) {
			noToken.check(t, g.Send(t, "DELETE", endpoint, harness.Header("Authorization", "Basic YTpi")))
		})
		for name, token := range untrusted(t, g) {
			t.Run(name, func(t *testing.T) {
				badToken.check(t, end(t, g, token))
				badToken.check(t, end(t, g, token, `{"session_id":"victim"}`))
			})
		}
		checkUnreached(t, g)
		checkAdmitted(t, get(t, g, victim))
	})
}

// Attack: a stolen token of a session that was ended is used to end the ones that
// are left.
func TestRevokedTokenEndsNoOtherSession(t *testing.T) {
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		stolen, live := g.Token(session("stolen")), g.Token(session("live"))
		see(t, g, stolen, live)
		invalidated.check(t, end(t, g, stolen))
		badToken.check(t, end(t, g, stolen, `{"session_id":"live"}`))
		badToken.check(t, end(t, g, stolen, `{"session_id":"unknown"}`))
		checkAdmitted(t, get(t, g, live))
	})
}

// Attack: try ids to learn which sessions exist, and whose they are. The answers
// for unknown, ended and foreign sessions are the same, byte by byte.
func TestSessionsThatAreNotTheCallersLookAlike(t *testing.T) {
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		caller, ended := g.Token(session("caller")), g.Token(session("ended"))
		bobs, nobodys := g.Token(session("bobs", "sub", "bob")), g.Token(session("nobodys", "sub", nil))
		see(t, g, caller, ended, bobs, nobodys)
		invalidatedID("ended").check(t, end(t, g, caller, `{"session_id":"ended"}`))
		for _, id := range []string{"unknown", "ended", "bobs", "nobodys", "Caller"} {
			noSession.check(t, end(t, g, caller, `{"session_id":"`+id+`"}`))
		}
		// Without a subject there is no other session of the same subject.
		noSession.check(t, end(t, g, nobodys, `{"session_id":"caller"}`))
		checkAdmitted(t, get(t, g, bobs))
		checkAdmitted(t, get(t, g, caller))
		t.Run("a repeated logout", func(t *testing.T) {
			invalidated.check(t, end(t, g, caller))
			noSession.check(t, end(t, g, caller))
			noSession.check(t, end(t, g, caller, `{"session_id":"caller"}`))
		})
	})
}

// A token that names no session is a session of its own.
func TestDeleteEndsTokenWithoutSession(t *testing.T) {
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		token := g.Token(map[string]any{"sid": nil, "jti": "lone"})
		see(t, g, token)
		invalidated.check(t, end(t, g, token))
		badToken.check(t, get(t, g, token))
		noSession.check(t, end(t, g, token))
		checkAdmitted(t, get(t, g, g.Token(map[string]any{"sid": nil, "jti": "other"})))
		t.Run("and its id, in a session that lives on", func(t *testing.T) {
			within := g.Token(map[string]any{"sid": "goes on", "jti": "lone"})
			badToken.check(t, get(t, g, within))
			badToken.check(t, end(t, g, within))
			badToken.check(t, end(t, g, within, `{"session_id":"goes on"}`))
			checkAdmitted(t, get(t, g, g.Token(map[string]any{"sid": "goes on", "jti": "next"})))
		})
	})
}

// Attack: a revoked token is spelt in another way: an ES256 signature (r, s) has
// the twin (r, n-s), which verifies, too. A deny list of whole tokens would let
// it in.
func TestTokenWithoutIdsStaysRevokedInEverySpelling(t *testing.T) {
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Key: tokentest.NewKey(t, "ES256", "")})
		token := g.Token(map[string]any{"sid": nil, "jti": nil})
		twin := twinOf(t, g.Key, token)
		see(t, g, token, twin)
		invalidated.check(t, end(t, g, token))
		for _, spelling := range []string{token, twin} {
			badToken.check(t, get(t, g, spelling))
		}
		noSession.check(t, end(t, g, twin))
		checkAdmitted(t, get(t, g, g.Token(map[string]any{"sid": nil, "jti": nil, "sub": "bob"})))
	})
}

// twinOf returns the token with the other signature that verifies.
func twinOf(t *testing.T, key *tokentest.Key, token string) string {
	t.Helper()
	at := strings.LastIndexByte(token, '.') + 1
	signature, err := base64.RawURLEncoding.DecodeString(token[at:])
	if err != nil {
		t.Fatal(err)
	}
	order := key.Signer.Public().(*ecdsa.PublicKey).Params().N
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(order, s).FillBytes(signature[32:])
	return token[:at] + base64.RawURLEncoding.EncodeToString(signature)
}
