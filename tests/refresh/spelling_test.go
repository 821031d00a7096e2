package refresh

import (
	"net/url"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/issuing"
)

// checkMalformedGrant checks the answer to a token request that is ambiguous or too large
// (RFC 6749 §5.2): it names the rule.
func checkMalformedGrant(t *testing.T, got harness.Answer) {
	t.Helper()
	if got.Status != 400 || !strings.HasPrefix(got.Body, `{"error":"invalid_request","error_description":"The request is refused: `) {
		t.Errorf("answer is %d %s, want 400 with the rule", got.Status, got.Body)
	}
}

// Over every version of HTTP. Attack: refresh with a JWT refresh token of a revoked session
// in another spelling. No gate has seen that token in an answer.
func TestARefreshTokenHasOneSpelling(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{Gate: "token_endpoint " + issuing.Path, TLS: true})
	over := g.Token(harness.Session("phone"))
	answers.Invalidated.Check(t, harness.End(t, g, over))
	header, rest, _ := strings.Cut(over, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		send := func(media, body string) harness.Answer {
			return g.Over(t, protocol, harness.Request{
				Method: "POST", Target: issuing.Path, Body: body, Fields: []string{"Content-Type: " + media},
			})
		}
		issuing.InvalidGrant.Check(t, send("application/x-www-form-urlencoded", "refresh_token="+over))
		for _, spelling := range []string{
			over + "=", over + "==", over + ".", over + ".x", `"` + over + `"`, over + "!", header + "=." + rest,
			`{"protected":"` + header + `","payload":"` + payload + `","signature":"` + signature + `"}`,
		} {
			for _, name := range []string{"refresh_token", "subject_token", "actor_token", "assertion"} {
				checkMalformedGrant(t, send("application/x-www-form-urlencoded", name+"="+url.QueryEscape(spelling)))
			}
			checkMalformedGrant(t, send("application/json", `{"refresh_token":"`+strings.ReplaceAll(spelling, `"`, `\"`)+`"}`))
		}
		harness.CheckUnreached(t, g)
	})
}

// Over every version of HTTP. Attack: an anonymous request of 60 KB whose tokens and
// parameters cost the gate and the store far more than an admitted request.
func TestATokenRequestIsBounded(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{Gate: "token_endpoint " + issuing.Path, TLS: true})
	token := strings.Repeat("a", 10_000) + "=b." + strings.Repeat("c", 10_000) + "=d"
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		for _, body := range []string{
			"refresh_token=" + token + "&subject_token=s" + token + "&actor_token=a" + token,
			strings.Repeat("a=&", 20_000), strings.Repeat("%41=&", 10_000), "refresh_token=a+b",
		} {
			checkMalformedGrant(t, g.Over(t, protocol, harness.Request{
				Method: "POST", Target: issuing.Path, Body: body, Fields: []string{"Content-Type: application/x-www-form-urlencoded"},
			}))
		}
		harness.CheckUnreached(t, g)
	})
}
