package logs

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// Attack: read all answers of the admin API, from which metrics and probes are read and
// which neighbours may reach, or the configuration that Caddy saves. The aim is to get
// secrets that were given as placeholders, or the tokens and sessions of running requests.
func TestSecretsAreNotInTheAdminAPI(t *testing.T) {
	t.Parallel()
	const password, apiKey = "canary-pa55word-of-redis", "canary-api-key"
	redis := redistest.Start(t, redistest.Password(password))
	keys := tokentest.NewEndpoint(t, tokentest.NewKey(t, "ES256", "key-1"))
	url := keys.Serve(t)
	g := harness.Start(t, harness.Config{
		Store: "store redis redis://:" + harness.SecretFile(t, password) + "@" + redis.Addr(),
		Issuers: harness.IssuerBlock(tokentest.Issuer) +
			"issuer https://keys.example.com {\njwks " + url + tokentest.KeySetPath + "?api_key=" + harness.SecretFile(t, apiKey) + "\nany_audience\n}",
		Global: "metrics {\nper_host\n}",
		Gate:   "token header Authorization\ntoken cookie session\nidentity {\nX-Session sid\n}\nclaims email",
	})
	good := g.Token(harness.Session("canary-session-id", "jti", "canary-token-id", "email", "canary@example.com"))
	secret := canaries{
		"secret": string(g.Key.Secret), "password": password, "API key": apiKey,
		"session id": "canary-session", "token id": "canary-token-id", "claim": "canary@example.com",
	}
	secret.addToken("token", good)
	harness.See(t, g, good)
	answers.NoSession.Check(t, harness.End(t, g, good, `{"session_id":"canary-session-of-nobody"}`))
	over := waitUpstream(t, g, good)
	for path, part := range map[string]string{
		"/config/":                       "{file.",
		"/metrics":                       "caddy_http_requests_total",
		"/debug/vars":                    "cmdline",
		"/debug/pprof/cmdline":           "run",
		"/debug/pprof/goroutine?debug=2": "ServeHTTP",
		"/debug/pprof/heap?debug=1":      "heap profile",
		"/reverse_proxy/upstreams":       "num_requests",
		"/session_gate/health":           `"synced":true`,
		"/session_gate/revocations":      `"held":0`,
	} {
		checkWithout(t, secret, path, g.Admin(t, "GET", path).Body, part)
	}
	over()
	checkWithout(t, secret, "what is kept of the configuration", autosaved(t, g), "{file.")
	for _, command := range []string{"adapt", "validate"} {
		outcome := g.Command(t, command)
		if outcome.Code != 0 {
			t.Errorf("%s: %s", command, outcome.Output)
		}
		secret.check(t, "what the command "+command+" prints", outcome.Output)
	}
	for command, want := range map[string]int{"health": 0, "bootstrap": 1, "list": 0} {
		printed, code := operating.Operate(t, g, command)
		if code != want {
			t.Errorf("%s ended with %d: %s", command, code, printed)
		}
		secret.check(t, "what the command "+command+" prints", printed)
	}
	secret.check(t, "the log", g.Logs())
}

// waitUpstream sends a request that runs until the returned function is called.
func waitUpstream(t *testing.T, g *harness.Gate, token string) (over func()) {
	t.Helper()
	arrived, release, answered := make(chan struct{}), make(chan struct{}), make(chan struct{})
	g.Upstream.Handle("/wait", func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	})
	go func() {
		defer close(answered)
		_, _ = g.Try("GET", "/wait", harness.Bearer(token)) // it must be running during the checks
	}()
	<-arrived
	return func() {
		close(release)
		<-answered
	}
}

// autosaved makes the gate run the same configuration, and save it, as Caddy does by
// default. It returns the file.
func autosaved(t *testing.T, g *harness.Gate) string {
	t.Helper()
	config := harness.JSONOf(t, g.Admin(t, "GET", "/config/").Body)
	config["admin"].(map[string]any)["config"] = map[string]any{"persist": true}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	if answer := g.Admin(t, "POST", "/load", harness.JSON(string(text))); answer.Status != http.StatusOK {
		t.Fatalf("loading: %d %s", answer.Status, answer.Body)
	}
	kept, err := os.ReadFile(filepath.Join(g.Dir(), "caddy", "autosave.json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(kept)
}
