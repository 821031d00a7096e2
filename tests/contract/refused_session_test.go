package contract

import (
	"crypto/ecdsa"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Attack: end a session with a token that its issuer did not issue for this application, or
// that is no longer valid.
func TestDeleteNeedsGoodToken(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		victim := g.Token(harness.Session("victim"))
		harness.See(t, g, victim)
		t.Run("none", func(t *testing.T) { answers.NoToken.Check(t, g.Send(t, "DELETE", harness.Endpoint)) })
		t.Run("of another scheme", func(t *testing.T) {
			answers.NoToken.Check(t, g.Send(t, "DELETE", harness.Endpoint, harness.Header("Authorization", "Basic YTpi")))
		})
		for name, token := range harness.Untrusted(t, g) {
			t.Run(name, func(t *testing.T) {
				answers.BadToken.Check(t, harness.End(t, g, token))
				answers.BadToken.Check(t, harness.End(t, g, token, `{"session_id":"victim"}`))
			})
		}
		harness.CheckUnreached(t, g)
		harness.CheckAdmitted(t, harness.Get(t, g, victim))
	})
}

// Attack: use a stolen token of an ended session to end the other sessions.
func TestRevokedTokenEndsNoOtherSession(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		stolen, live := g.Token(harness.Session("stolen")), g.Token(harness.Session("live"))
		harness.See(t, g, stolen, live)
		answers.Invalidated.Check(t, harness.End(t, g, stolen))
		answers.BadToken.Check(t, harness.End(t, g, stolen, `{"session_id":"live"}`))
		answers.BadToken.Check(t, harness.End(t, g, stolen, `{"session_id":"unknown"}`))
		harness.CheckAdmitted(t, harness.Get(t, g, live))
	})
}

// Attack: try ids to learn which sessions exist, and who owns them. The answers for
// unknown, ended and foreign sessions are the same, byte by byte.
func TestSessionsThatAreNotTheCallersLookAlike(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		caller, ended := g.Token(harness.Session("caller")), g.Token(harness.Session("ended"))
		bobs, nobodys := g.Token(harness.Session("bobs", "sub", "bob")), g.Token(harness.Session("nobodys", "sub", nil))
		harness.See(t, g, caller, ended, bobs, nobodys)
		answers.InvalidatedID("ended").Check(t, harness.End(t, g, caller, `{"session_id":"ended"}`))
		for _, id := range []string{"unknown", "ended", "bobs", "nobodys", "Caller"} {
			answers.NoSession.Check(t, harness.End(t, g, caller, `{"session_id":"`+id+`"}`))
		}
		// A token without a subject has no other session of the same subject.
		answers.NoSession.Check(t, harness.End(t, g, nobodys, `{"session_id":"caller"}`))
		harness.CheckAdmitted(t, harness.Get(t, g, bobs))
		harness.CheckAdmitted(t, harness.Get(t, g, caller))
		t.Run("a repeated logout", func(t *testing.T) {
			answers.Invalidated.Check(t, harness.End(t, g, caller))
			answers.NoSession.Check(t, harness.End(t, g, caller))
			answers.NoSession.Check(t, harness.End(t, g, caller, `{"session_id":"caller"}`))
		})
	})
}

// A machine's token without a session id is a session of its own.
func TestDeleteEndsTheTokenOfAMachine(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		token := g.Token(map[string]any{"sid": nil, "jti": "lone", "client_id": "alice"})
		harness.See(t, g, token)
		answers.Invalidated.Check(t, harness.End(t, g, token))
		answers.BadToken.Check(t, harness.Get(t, g, token))
		answers.NoSession.Check(t, harness.End(t, g, token))
		harness.CheckAdmitted(t, harness.Get(t, g, g.Token(map[string]any{"sid": nil, "jti": "other", "client_id": "alice"})))
		t.Run("and its id, in a session that lives on", func(t *testing.T) {
			within := g.Token(map[string]any{"sid": "goes on", "jti": "lone"})
			answers.BadToken.Check(t, harness.Get(t, g, within))
			answers.BadToken.Check(t, harness.End(t, g, within))
			answers.BadToken.Check(t, harness.End(t, g, within, `{"session_id":"goes on"}`))
			harness.CheckAdmitted(t, harness.Get(t, g, g.Token(map[string]any{"sid": "goes on", "jti": "next"})))
		})
	})
}

// Attack: a revoked token is sent in another spelling. An ES256 signature (r, s) has the
// twin (r, n-s), which verifies, too. A deny list of whole tokens would admit it.
func TestTokenWithoutIdsStaysRevokedInEverySpelling(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Key: tokentest.NewKey(t, "ES256", "")})
		token := g.Token(map[string]any{"sid": nil, "jti": nil})
		twin := twinOf(t, g.Key, token)
		harness.See(t, g, token, twin)
		answers.Invalidated.Check(t, harness.End(t, g, token))
		for _, spelling := range []string{token, twin} {
			answers.BadToken.Check(t, harness.Get(t, g, spelling))
		}
		answers.NoSession.Check(t, harness.End(t, g, twin))
		harness.CheckAdmitted(t, harness.Get(t, g, g.Token(map[string]any{"sid": nil, "jti": nil, "sub": "bob"})))
	})
}

// twinOf returns the token with the other valid signature.
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
