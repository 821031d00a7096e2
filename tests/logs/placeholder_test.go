package logs

import (
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestClaimsArePlaceholdersOfTheHandlersBehind(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Routes: `
			session_gate {
				public /public
				claims email groups tenant_id
			}
			respond /who "{http.auth.user.id}|{http.auth.user.session_id}|{http.auth.user.token_id}|{http.auth.user.issuer}"
			respond /public "[{http.auth.user.id}]"
			reverse_proxy {$UPSTREAM} {
				header_up X-Email {http.auth.user.email}
				header_up X-Groups {http.auth.user.groups}
				header_up X-Tenant {http.auth.user.tenant_id}
				header_up X-Name {http.auth.user.name}
			}`})
		token := g.Token(harness.Identified())
		t.Run("in an answer", func(t *testing.T) {
			got := g.Send(t, "GET", "/who", harness.Bearer(token))
			if want := "alice|laptop|token-of-laptop|" + tokentest.Issuer; got.Body != want {
				t.Errorf("answer is %q, want %q", got.Body, want)
			}
		})
		t.Run("in fields for the upstream", func(t *testing.T) {
			harness.CheckAdmitted(t, g.Send(t, "GET", "/", harness.Bearer(token), harness.Header("X-Email", "root@example.com")))
			answers.Fields(t, g.Upstream.TakeOne(t).Header, map[string]string{
				"X-Email": "alice@example.com", "X-Groups": "staff,admins", "X-Tenant": "42",
				// An unknown placeholder, because claims does not name it.
				"X-Name": "{http.auth.user.name}",
			})
		})
		t.Run("empty where the token has no such claim", func(t *testing.T) {
			harness.CheckAdmitted(t, g.Send(t, "GET", "/", harness.Bearer(g.Token(nil)), harness.Header("X-Email", "root@example.com")))
			answers.Fields(t, g.Upstream.TakeOne(t).Header, map[string]string{"X-Email": "", "X-Groups": "", "X-Tenant": ""})
		})
		t.Run("of nobody on public paths", func(t *testing.T) {
			if got := g.Send(t, "GET", "/public", harness.Bearer(token)); got.Status != 200 || got.Body != "[]" {
				t.Errorf("answer is %d %q, want an empty user", got.Status, got.Body)
			}
		})
	})
}

func TestAccessLogTellsWhoAndWhy(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Site: "log\nlog_append reason {http.session_gate.reason}"})
		revoked := g.Token(harness.Session("revoked"))
		answers.Invalidated.Check(t, harness.End(t, g, revoked))
		expired := g.Token(harness.Session("old", "iat", time.Now().Add(-2*time.Hour).Unix(), "exp", time.Now().Add(-time.Hour).Unix()))
		for name, c := range map[string]struct {
			fields []string
			want   harness.AccessLine
		}{
			"admitted":  {[]string{"Authorization: Bearer " + g.Token(nil)}, harness.AccessLine{Status: 200, User: "alice"}},
			"missing":   {nil, harness.AccessLine{Status: 401, Reason: "missing"}},
			"malformed": {[]string{"Authorization: Bearer x"}, harness.AccessLine{Status: 401, Reason: "malformed"}},
			"several":   {[]string{"Authorization: Bearer x", "Authorization: Bearer y"}, harness.AccessLine{Status: 400, Reason: "several"}},
			"invalid":   {[]string{"Authorization: Bearer " + g.Token(map[string]any{"aud": "x"})}, harness.AccessLine{Status: 401, User: "alice", Reason: "invalid"}},
			"expired":   {[]string{"Authorization: Bearer " + expired}, harness.AccessLine{Status: 401, User: "alice", Reason: "expired"}},
			"revoked":   {[]string{"Authorization: Bearer " + revoked}, harness.AccessLine{Status: 401, User: "alice", Reason: "revoked"}},
		} {
			t.Run(name, func(t *testing.T) {
				uri := "/of/" + name
				g.Raw(t, harness.Lines("GET "+uri+" HTTP/1.1", c.fields...))
				c.want.URI.URI = uri
				if got := harness.AccessOf(t, g, uri); got != c.want {
					t.Errorf("access log says %+v, want %+v", got, c.want)
				}
			})
		}
		// Attack: a reader of the log takes over the sessions in it.
		for _, token := range []string{revoked, expired} {
			if strings.Contains(g.Logs(), token[strings.LastIndexByte(token, '.'):]) {
				t.Error("a token stands in the log")
			}
		}
	})
}
