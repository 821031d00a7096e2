package logs

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// canaries are texts that must not be readable anywhere.
type canaries map[string]string

// check fails the test for each canary in the text.
func (c canaries) check(t *testing.T, where, text string) {
	t.Helper()
	for name, canary := range c {
		if at := strings.Index(text, canary); at >= 0 {
			t.Errorf("%s: the %s is in %s: …%s…", t.Name(), name, where, text[max(0, at-200):min(len(text), at+len(canary)+50)])
		}
	}
}

// addToken adds the essential parts of a token, and its ids.
func (c canaries) addToken(name, token string) {
	parts := strings.Split(token, ".")
	c["payload of the "+name], c["signature of the "+name] = parts[1], parts[2]
}

// Attack: read logs, error pages, metrics or the configuration, which many people may see.
// The aim is to get tokens, secrets, or session ids by which a log could be searched
// (invariant 10).
func TestSecretsAreNeitherLoggedNorAnswered(t *testing.T) {
	t.Parallel()
	const password = "canary-pa55word-of-redis"
	redis := redistest.Start(t, redistest.Password(password))
	g := harness.Start(t, harness.Config{
		Store:  harness.RedisWith(redis, "password "+harness.SecretFile(t, password)),
		Global: "debug\nmetrics {\nper_host\n}", Site: "log",
		Gate: "token header Authorization\ntoken cookie canary_cookie\nadmin_scope all\nclaims email\ncors https://app.example.com",
	})
	ids := harness.Session("canary-session-id", "jti", "canary-token-id", "email", "canary@example.com")
	good := g.Token(ids)
	revoked := g.Token(harness.Session("canary-session-that-is-revoked"))
	stranger := tokentest.Mint(t, harness.NewKey(), tokentest.Claims(time.Now(), ids))
	secret := canaries{
		"secret": string(g.Key.Secret), "password": password, "session id": "canary-session", "token id": "canary-token-id",
		"claim": "canary@example.com", "broken token": "canary.broken.token",
	}
	secret.addToken("token", good)
	secret.addToken("revoked token", revoked)
	secret.addToken("token of a stranger", stranger)
	// An attacker who guesses the id of a session could search for its whole hash.
	name := store.NewKey("refused", store.KindSession, tokentest.Issuer, "canary-session-id")
	secret["name of the session"] = hex.EncodeToString(name[:])

	bearer, cookie := harness.Bearer(good), harness.Cookie("canary_cookie="+good)
	requests := []struct {
		method, path string
		status       int
		changes      []harness.Change
	}{
		{"GET", "/", 200, []harness.Change{bearer}},
		{"GET", "/", 200, []harness.Change{cookie}},
		{"GET", "/", 400, []harness.Change{bearer, cookie}},
		{"GET", "/", 401, []harness.Change{harness.Bearer(stranger)}},
		{"GET", "/", 401, []harness.Change{harness.Bearer("canary.broken.token canary.broken.token")}},
		{"GET", "/", 401, []harness.Change{harness.Cookie("canary_cookie=canary.broken.token")}},
		{"DELETE", harness.Endpoint, 401, []harness.Change{harness.Bearer("canary.broken.token")}},
		{"DELETE", harness.Endpoint, 403, []harness.Change{cookie, harness.Header("Origin", "https://evil.example.com")}},
		{"DELETE", harness.Endpoint, 400, []harness.Change{bearer, harness.JSON(`{"session_id":"canary-session` + strings.Repeat("x", 1024) + `"}`)}},
		{"DELETE", harness.Endpoint, 413, []harness.Change{bearer, harness.JSON(`{"session_id":"canary-session-id","x":"` + strings.Repeat("x", 5000) + `"}`)}},
		{"DELETE", harness.Endpoint, 415, []harness.Change{bearer, harness.Body("text/plain", "canary-session-id")}},
		{"DELETE", harness.Endpoint, 404, []harness.Change{bearer, harness.JSON(`{"session_id":"canary-session-nobody-knows"}`)}},
		{"DELETE", harness.Endpoint + "/", 400, []harness.Change{bearer}},
		{"DELETE", harness.Endpoint, 200, []harness.Change{harness.Bearer(revoked)}},
		{"DELETE", harness.Endpoint, 404, []harness.Change{harness.Bearer(revoked)}},
		{"GET", "/", 401, []harness.Change{harness.Bearer(revoked)}},
	}
	for _, request := range requests {
		answer := g.Send(t, request.method, request.path, request.changes...)
		if answer.Status != request.status {
			t.Errorf("%s %s: answered %d %s, want %d", request.method, request.path, answer.Status, answer.Body, request.status)
		}
		checkAnswer(t, secret, answer)
	}
	// Faults are logged with most detail.
	redis.Freeze()
	checkAnswer(t, secret, g.Send(t, "DELETE", harness.Endpoint, bearer, harness.JSON(`{"session_id":"canary-session-of-somebody"}`)))
	checkAnswer(t, secret, g.Send(t, "DELETE", harness.Endpoint, bearer))
	harness.Eventually(t, 10*time.Second, "the gate is fenced", func() bool { return harness.StatusOf(t, g, good) == 503 })
	checkAnswer(t, secret, g.Send(t, "GET", "/", cookie))
	redis.Thaw()
	harness.Recovers(t, g, g.Token(harness.Session("lives on")))
	checkWithout(t, secret, "the metrics", g.Admin(t, "GET", "/metrics").Body, "caddy_http")
	checkWithout(t, secret, "the configuration", g.Admin(t, "GET", "/config/").Body, "{file.", "canary_cookie")
	err := g.Load(t, harness.Config{App: "retention 1h"})
	if err == nil {
		t.Fatal("a wrong configuration was accepted")
	}
	checkWithout(t, secret, "the refusal", err.Error(), "retention")
	g.Stop()
	// Caddy's access log shows that there was a credential, but not its value.
	checkWithout(t, secret, "the log", g.Logs(), `"Authorization":["REDACTED"]`, `"Cookie":["REDACTED"]`,
		`"level":"debug"`, "could not be looked up", "was not confirmed by the store", "http.log.access")
}

// checkAnswer fails the test for each canary in an answer.
func checkAnswer(t *testing.T, secret canaries, answer harness.Answer) {
	t.Helper()
	secret.check(t, "the body of an answer", answer.Body)
	for name, values := range answer.Header {
		secret.check(t, "the field "+name+" of an answer", strings.Join(values, "\n"))
	}
}

// checkWithout fails the test for each canary in a text. It also fails the test if the text
// is not the expected one: it must contain these parts.
func checkWithout(t *testing.T, secret canaries, where, text string, parts ...string) {
	t.Helper()
	secret.check(t, where, text)
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s does not have %q", where, part)
		}
	}
}
