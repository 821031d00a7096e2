package logs

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// collector receives traces: it is the HTTP endpoint of an OpenTelemetry collector (OTLP,
// protobuf), and keeps its input. Texts are unencoded in it.
type collector struct {
	mu   sync.Mutex
	sent strings.Builder
}

// ServeHTTP implements http.Handler.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Encoding") != "" {
		http.Error(w, "no traces", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent.Write(body)
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func (c *collector) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent.String()
}

// Attack: read the traces, which go to another system and to other people, to get tokens,
// or the ids of sessions. Caddy's spans hold the path, and not the query. The gate adds
// nothing to them.
func TestSecretsAreNotInTraces(t *testing.T) {
	t.Parallel()
	traces := new(collector)
	server := httptest.NewServer(traces)
	defer server.Close()
	g := harness.Start(t, harness.Config{
		Env: []string{
			"OTEL_EXPORTER_OTLP_ENDPOINT=" + server.URL, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_BSP_SCHEDULE_DELAY=50",
		},
		Site: "tracing {\nspan \"{http.request.method} {http.request.uri.path}\"\nspan_attributes {\nreason {http.session_gate.reason}\n}\n}",
		Gate: "token header Authorization\ntoken cookie session\nidentity {\nX-Session sid\n}\nclaims email",
	})
	good := g.Token(harness.Session("canary-session-id", "jti", "canary-token-id", "email", "canary@example.com"))
	stranger := tokentest.Mint(t, harness.NewKey(), tokentest.Claims(time.Now(), harness.Session("canary-session-id")))
	secret := canaries{
		"secret": string(g.Key.Secret), "session id": "canary-session", "token id": "canary-token-id",
		"claim": "canary@example.com", "token in the query": "canary.in.query",
	}
	secret.addToken("token", good)
	secret.addToken("token of a stranger", stranger)
	for _, request := range []struct {
		method, path string
		status       int
		changes      []harness.Change
	}{
		{"GET", "/admitted?access_token=canary.in.query", 200, []harness.Change{harness.Bearer(good)}},
		{"GET", "/by-cookie", 200, []harness.Change{harness.Cookie("session=" + good)}},
		{"GET", "/refused", 401, []harness.Change{harness.Bearer(stranger)}},
		{"GET", "/broken", 401, []harness.Change{harness.Bearer("canary-session-id")}},
		{"DELETE", harness.Endpoint, 404, []harness.Change{harness.Bearer(good), harness.JSON(`{"session_id":"canary-session-of-nobody"}`)}},
		{"DELETE", harness.Endpoint, 200, []harness.Change{harness.Bearer(good), harness.JSON(`{"session_id":"canary-session-id"}`)}},
		{"GET", "/revoked", 401, []harness.Change{harness.Bearer(good)}},
	} {
		if answer := g.Send(t, request.method, request.path, request.changes...); answer.Status != request.status {
			t.Errorf("%s %s: answered %d %s, want %d", request.method, request.path, answer.Status, answer.Body, request.status)
		}
	}
	spans := []string{"/admitted", "/by-cookie", "/refused", "/broken", "DELETE " + harness.Endpoint, "/revoked", "reason", "revoked"}
	harness.Eventually(t, 20*time.Second, "all spans arrive", func() bool {
		sent := traces.String()
		for _, span := range spans {
			if !strings.Contains(sent, span) {
				return false
			}
		}
		return true
	})
	secret.check(t, "the traces", traces.String())
	g.Stop() // Stop flushes the remaining spans
	checkWithout(t, secret, "the traces", traces.String(), spans...)
}
