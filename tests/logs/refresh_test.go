package logs

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/issuing"
)

// Attack: read logs, error pages or the store to get refresh tokens, and continue their
// owners' sessions. They pass through the gate in bodies, of which it stores only hashes
// (Invariant 10).
func TestRefreshTokensAreNeitherLoggedNorKept(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	g := harness.Start(t, harness.Config{
		Store: harness.RedisWith(redis, ""), Global: "debug", Site: "log", Gate: "token_endpoint " + issuing.Path,
	})
	claims := map[string]any{"sid": "canary-session-id", "jti": "canary-token-id", "sub": "canary-subject"}
	access := g.Token(claims)
	hidden := tokentest.Mint(t, harness.NewKey(), tokentest.Claims(time.Now(), claims))
	secret := canaries{
		"opaque token": "canary-opaque", "session id": "canary-session", "token id": "canary-token", "subject": "canary-subject",
		"password": "canary-password", "code": "canary-code",
	}
	secret.addToken("access token", access)
	secret.addToken("refresh token", hidden)
	hand := func(refresh, more string) {
		g.Upstream.Handle(issuing.Path, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"access_token":"` + access + `","refresh_token":"` + refresh + `"}` + more)) // the gate may have gone
		})
	}
	send := func(status int, form url.Values) {
		t.Helper()
		got := issuing.Ask(t, g, form)
		if got.Status != status {
			t.Errorf("answered %d %s, want %d", got.Status, got.Body, status)
		}
		if got.Status != 200 {
			checkAnswer(t, secret, got)
		}
	}
	hand("canary-opaque-1", "")
	send(200, url.Values{"grant_type": {"password"}, "password": {"canary-password"}})
	hand(hidden, "")
	send(200, issuing.Refreshing("canary-opaque-1"))
	hand("canary-opaque-2", "canary-opaque-3")
	send(502, url.Values{"grant_type": {"authorization_code"}, "code": {"canary-code"}})
	send(400, url.Values{"refresh_token": {"canary-opaque-1", "canary-opaque-2"}})
	send(400, url.Values{"refresh_token": {"canary-opaque-1\n"}})
	kept := redis.Do("KEYS", "*").([]any)
	for _, key := range kept {
		secret.check(t, "a key of the store", key.(string))
		if fields, ok := redis.Do("TYPE", key.(string)).(string); ok && fields == "hash" && key.(string)[len("{session_gate:refused}:"):][:2] == "gr" {
			for _, field := range redis.Do("HGETALL", key.(string)).([]any) {
				secret.check(t, "a record of the store", field.(string))
			}
		}
	}
	answers.Invalidated.Check(t, harness.End(t, g, access))
	send(400, issuing.Refreshing("canary-opaque-1"))
	send(400, issuing.Refreshing(hidden))
	redis.Freeze()
	send(503, issuing.Refreshing("canary-opaque-2"))
	harness.Eventually(t, 10*time.Second, "the gate is fenced", func() bool { return harness.StatusOf(t, g, access) == 503 })
	send(503, issuing.Refreshing(hidden))
	redis.Thaw()
	g.Stop()
	// The access log names the user of what the gate answers itself. No other line does.
	for line := range strings.Lines(g.Logs()) {
		if !strings.Contains(line, `"logger":"http.log.access"`) {
			secret.check(t, "a line", line)
		}
	}
	delete(secret, "subject")
	checkWithout(t, secret, "the log", g.Logs(), "was withheld and answered 502", "could not be looked up", `"level":"debug"`, "http.log.access")
}
