package hostile

import (
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// spellings are paths, as in the request line, that some reader reads as the endpoint.
var spellings = []string{
	"//v1/auth/session", "/v1//auth/session", "/v1/auth/session/", "/v1/auth/session//",
	"/./v1/auth/session", "/v1/./auth/session", "/v1/auth/session/.", "/x/../v1/auth/session", "/v1/auth/x/../session",
	"/../v1/auth/session", "/v1/auth/session/x/..",
	"/v1/auth%2fsession", "/v1/auth%2Fsession", "/v1/%61uth/session", "/%76%31/auth/session", "/v1/auth/session%2f",
	"/v1/%2e/auth/session", "/v1/x/%2e%2e/auth/session", "/v1/auth%252fsession", "/v1/%2561uth/session",
	"/V1/auth/session", "/v1/auth/SESSION", "/v1/AUTH/session", "/v1/auth/sess%49on",
	"/v1/auth/session;", "/v1/auth/session;jsessionid=1", "/v1;x/auth/session", "/v1/auth/session%3bx",
	`/v1\auth\session`, "/v1%5cauth/session", `/\v1/auth/session`,
	"/v1/auth/session%20", "/v1/auth/session%09", "/v1/auth/session%00", "/v1/auth/session%00.txt", "/v1/auth/session%0a",
	"http://gate.test//v1/auth/session", "http://gate.test/v1/auth/%73ession",
	// A host and the endpoint, to readers that resolve the target as a reference.
	"//x/v1/auth/session", "///x/v1/auth/session", `/\x/v1/auth/session`, "//x/v1/auth/%73ession", "http://gate.test//x/v1/auth/session",
	"/v1/auth/session/?x=1",
	// Many segments and dot-dots.
	strings.Repeat("/a", 63) + strings.Repeat("/..", 63) + harness.Endpoint, strings.Repeat("/a", 64) + strings.Repeat("/..", 64) + harness.Endpoint,
	strings.Repeat("/a", 300) + strings.Repeat("/%2e.", 300) + harness.Endpoint,
	// The path of a script, and segments for the server itself.
	"/index.php/v1/auth/session", "/v1/auth/@@session", "/(S(x))/v1/auth/session",
	// Line breaks, which URL parsers remove, and formats.
	"/v1/auth/se%09ssion", "/v1%0a/auth/session", "/v1/auth/sess%0dion", "/v1/auth/session.json", "/v1/auth/session.",
}

// Attack: a DELETE that the gate does not read as its own, but the upstream does. The
// upstream ends its session, and every token stays valid.
func TestOtherSpellingOfTheEndpointIsRefused(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Gate: "public /v1/*"})
		token := g.Token(harness.Session("laptop"))
		harness.See(t, g, token)
		for _, path := range spellings {
			t.Run("DELETE "+path, func(t *testing.T) {
				line := "DELETE " + path + " HTTP/1.1"
				answers.OtherSpelling.Check(t, g.Raw(t, harness.Lines(line, "Authorization: Bearer "+token)))
				answers.OtherSpelling.Check(t, g.Raw(t, harness.Lines(line)))
			})
		}
		harness.CheckUnreached(t, g)
		harness.CheckAdmitted(t, harness.Get(t, g, token))
	})
}

func TestExactEndpointIsTakenInEveryFormOfTheRequestLine(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Gate: "public /v1/*"})
		for _, target := range []string{harness.Endpoint, "http://gate.test" + harness.Endpoint, harness.Endpoint + "?x=//v1/auth/session/"} {
			token := g.Token(harness.Session(target))
			answers.Invalidated.Check(t, g.Raw(t, harness.Lines("DELETE "+target+" HTTP/1.1", "Authorization: Bearer "+token)))
			answers.BadToken.Check(t, harness.Get(t, g, token))
		}
		harness.CheckUnreached(t, g)
	})
}

// Attack: delete in lower case, which gunicorn and hypercorn read as DELETE. The upstream
// ends its session, and every token stays valid.
func TestMethodOfTheEndpointInOtherLettersIsRefused(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true, Gate: "public /*\nsessions_endpoint /v1/auth/sessions\ntoken_endpoint /oauth/token\nbackchannel_logout /v1/auth/logout"})
	token := g.Token(harness.Session("laptop"))
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		for _, line := range []string{
			"delete " + harness.Endpoint, "Delete " + harness.Endpoint, "delete /" + harness.Endpoint, "delete /v1/auth/sessions", "delete /v1/auth/sessions/laptop",
			"delete /oauth/token", "delete /v1/auth/logout", "post /v1/auth/logout", "post /oauth/token",
		} {
			method, target, _ := strings.Cut(line, " ")
			got := g.Over(t, protocol, harness.Request{Method: method, Target: target, Fields: []string{"Authorization: Bearer " + token}})
			if got.Status != 400 || !strings.Contains(got.Body, `"error":"invalid_request"`) {
				t.Errorf("%s is answered %d %s, want 400", line, got.Status, got.Body)
			}
		}
	})
	harness.CheckUnreached(t, g)
	harness.CheckAdmitted(t, harness.Get(t, g, token))
}

// Other requests belong to the upstream, and are guarded.
func TestOtherPathsAndMethodsGoUpstream(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		token := g.Token(harness.Session("laptop"))
		for _, line := range []string{
			"GET /v1/auth/session", "HEAD /v1/auth/session", "POST /v1/auth/session", "PUT /v1/auth/session",
			"PATCH /v1/auth/session", "PURGE /v1/auth/session", "get /v1/auth/session", "delete /orders", "OPTIONS /v1/auth/session",
			"GET //v1/auth/session", "POST /v1/auth/session/", "GET /v1/auth/%73ession",
			"DELETE /v1/auth/sessions", "DELETE /v1/auth/session/laptop", "DELETE /v1/auth", "DELETE /v1/auth/session-1.json",
			"DELETE /", "DELETE /api/v1/auth/session", "DELETE /v1/auth/%E5%A5%BD", "DELETE /100%25",
		} {
			t.Run(line, func(t *testing.T) {
				got := g.Raw(t, harness.Lines(line+" HTTP/1.1", "Authorization: Bearer "+token))
				reached := g.Upstream.TakeOne(t)
				if got.Status != 200 || reached.Method+" "+reached.URI != line {
					t.Errorf("answer is %d, and %s %s reached the upstream", got.Status, reached.Method, reached.URI)
				}
				if got := g.Raw(t, harness.Lines(line+" HTTP/1.1")); got.Status != 401 {
					t.Errorf("answer without a token is %d, want 401", got.Status)
				}
				harness.CheckUnreached(t, g)
			})
		}
	})
}
