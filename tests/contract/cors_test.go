package contract

import (
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

const appOrigin = "https://app.example.com"

// preflight sends the preflight of a DELETE with a token.
func preflight(t *testing.T, g *harness.Gate, path, origin string) harness.Answer {
	t.Helper()
	return g.Send(t, "OPTIONS", path, harness.Header("Origin", origin),
		harness.Header("Access-Control-Request-Method", "DELETE"),
		harness.Header("Access-Control-Request-Headers", "authorization,content-type"))
}

func TestPreflightOfTheEndpointIsAnswered(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Gate: "cors " + appOrigin + " https://admin.example.com:8443"})
		for _, origin := range []string{appOrigin, "https://admin.example.com:8443"} {
			got := preflight(t, g, harness.Endpoint, origin)
			if got.Status != 204 || got.Body != "" {
				t.Errorf("%s: answer is %d %q, want 204", origin, got.Status, got.Body)
			}
			answers.Fields(t, got.Header, map[string]string{
				"Access-Control-Allow-Origin":      origin,
				"Access-Control-Allow-Methods":     "DELETE",
				"Access-Control-Allow-Headers":     "Authorization, Content-Type",
				"Access-Control-Allow-Credentials": "",
			})
		}
		for _, origin := range []string{"https://evil.example.net", "null", "http://app.example.com", appOrigin + ".evil.example.net"} {
			got := preflight(t, g, harness.Endpoint, origin)
			if got.Status != 204 {
				t.Errorf("%s: answer is %d, want 204", origin, got.Status)
			}
			answers.Fields(t, got.Header, map[string]string{
				"Access-Control-Allow-Origin": "", "Access-Control-Allow-Methods": "", "Access-Control-Allow-Headers": "",
			})
		}
		harness.CheckUnreached(t, g)
	})
}

func TestPreflightOfAnotherPathGoesUpstreamWithoutIdentity(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Gate: "cors " + appOrigin + "\nidentity authelia"})
		harness.CheckAdmitted(t, preflight(t, g, "/orders", "https://evil.example.net"))
		harness.CheckAdmitted(t, g.Send(t, "OPTIONS", "/orders", harness.Header("Origin", appOrigin),
			harness.Header("Access-Control-Request-Method", "GET"), harness.Header("Remote-User", "root"), harness.Bearer("forged")))
		reached := g.Upstream.Take()
		if len(reached) != 2 {
			t.Fatalf("%d requests reached the upstream, want 2", len(reached))
		}
		for _, r := range reached {
			answers.Fields(t, r.Header, map[string]string{"Remote-User": ""})
		}
		// An incomplete preflight is an ordinary request.
		answers.NoToken.Check(t, g.Send(t, "OPTIONS", "/orders", harness.Header("Access-Control-Request-Method", "GET")))
		answers.NoToken.Check(t, g.Send(t, "GET", "/orders", harness.Header("Origin", appOrigin),
			harness.Header("Access-Control-Request-Method", "GET")))
	})
}

// Pages of an allowed origin can read every answer of the gate's own, errors too, on every
// guarded path. No other page can read any.
func TestAnswersOfTheGateAreReadableByAllowedOrigins(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Gate: "token header Authorization\ntoken cookie session\ncors " + appOrigin})
		for origin, want := range map[string]map[string]string{
			appOrigin: {
				"Access-Control-Allow-Origin": appOrigin, "Access-Control-Allow-Credentials": "true", "Vary": "Origin",
				"Access-Control-Expose-Headers": "Retry-After, Session-Gate-Ended, WWW-Authenticate",
			},
			"https://evil.example.net": {
				"Access-Control-Allow-Origin": "", "Access-Control-Allow-Credentials": "", "Vary": "Origin", "Access-Control-Expose-Headers": "",
			},
		} {
			token := g.Token(harness.Session("of " + origin))
			for _, verdict := range []answers.Answer{answers.Invalidated, answers.NoSession} {
				got := g.Send(t, "DELETE", harness.Endpoint, harness.Bearer(token), harness.Header("Origin", origin))
				verdict.Check(t, got)
				answers.Fields(t, got.Header, want)
			}
			for verdict, got := range map[*answers.Answer]harness.Answer{
				&answers.NoToken:  g.Send(t, "DELETE", harness.Endpoint, harness.Header("Origin", origin)),
				&answers.BadToken: g.Send(t, "GET", "/orders", harness.Bearer(token), harness.Header("Origin", origin)),
				&answers.Several: g.Send(t, "GET", "/orders", harness.Bearer(token), harness.Cookie("session="+token),
					harness.Header("Origin", origin)),
			} {
				verdict.Check(t, got)
				answers.Fields(t, got.Header, want)
			}
		}
		got := preflight(t, g, harness.Endpoint, appOrigin)
		answers.Fields(t, got.Header, map[string]string{"Access-Control-Allow-Credentials": "true"})
	})
}
