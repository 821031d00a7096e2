package metrics

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// A known sequence of requests shows in each metric that is about requests.
func TestAKnownSequenceIsCounted(t *testing.T) {
	t.Parallel()
	issuer := `issuer="` + tokentest.Issuer + `"`
	g := harness.Start(t, harness.Config{Gate: "public /healthz\nsessions_endpoint /v1/auth/sessions\nbackchannel_logout /v1/auth/logout\ntoken_endpoint /oauth/token"})
	g.Metrics(t).Check(t, harness.Metrics{
		"fenced": 0, "store_up": 1, "gates": 1, "log_lag_entries": 0, "clock_offset_seconds": 0, "streams": 0, "sessions_seen": 0,
		"revocations_pending": 0, `revocations_held{kind="session"}`: 0, "keys{" + issuer + "}": 1, "keys_age_seconds{" + issuer + "}": 0,
		`key_fetches_total{` + issuer + `,result="ok"}`: 0, `requests_total{outcome="observed"}`: 0,
		`store_errors_total{operation="read"}`: 0, `repairs_total{cause="gap"}`: 0, `token_grants_total{outcome="issued"}`: 0,
	})
	before := g.Metrics(t)
	for range 3 {
		g.Send(t, "GET", "/healthz")
	}
	live := g.Token(harness.Session("live", "auth_time", nil))
	for range 5 {
		harness.CheckAdmitted(t, harness.Get(t, g, live))
	}
	g.Send(t, "GET", "/")
	g.Send(t, "GET", "/", harness.Bearer("x"))
	ended := g.Token(harness.Session("ended", "auth_time", nil))
	harness.CheckAdmitted(t, harness.Get(t, g, ended))
	answers.Invalidated.Check(t, harness.End(t, g, ended))
	answers.BadToken.Check(t, harness.Get(t, g, ended))
	if a := g.Send(t, "GET", "/v1/auth/sessions", harness.Bearer(live)); a.Status != http.StatusOK {
		t.Errorf("the list is answered %d", a.Status)
	}
	g.Send(t, "POST", "/v1/auth/logout", harness.Body("application/x-www-form-urlencoded", "logout_token=x"))
	g.Send(t, "POST", "/oauth/token", harness.Body("application/x-www-form-urlencoded", "refresh_token=a&refresh_token=b"))

	got := g.Metrics(t).Since(before)
	hits := got[`token_verifications_total{result="hit"}`]
	if verified := got[`token_verifications_total{result="verified"}`]; hits+verified != 9 || hits == 0 || verified < 2 {
		t.Errorf("%v hits and %v verified, want 9 in all", hits, verified)
	}
	if sum := got["revocation_duration_seconds_sum"]; sum <= 0 || sum > 10 {
		t.Errorf("a revocation took %v s", sum)
	}
	got.Check(t, harness.Metrics{
		`requests_total{outcome="public"}`: 3, `requests_total{outcome="admitted"}`: 6, `requests_total{outcome="missing"}`: 1,
		`requests_total{outcome="malformed"}`: 2, `requests_total{outcome="revoked"}`: 1, `requests_total{outcome="own"}`: 3,
		`token_verifications_total{result="refused"}`:                             1,
		`revocations_total{kind="session",result="everywhere",source="endpoint"}`: 1, `revocation_duration_seconds_count`: 1,
		`revocations_held{kind="session"}`: 1, "sessions_seen": 2,
		`logout_tokens_total{outcome="refused"}`: 1, `token_grants_total{outcome="malformed"}`: 1,
	})
	if got["set_bytes"] <= 0 {
		t.Errorf("set_bytes grew by %v", got["set_bytes"])
	}
}

// A stream is seen while it runs, and its cut is counted.
func TestStreamsAreCounted(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{})
	g.Upstream.Handle("/events", harness.Events(10*time.Millisecond))
	token := g.Token(harness.Session("stream"))
	over := make(chan error, 1)
	go func() {
		_, err := g.Try("GET", "/events", harness.Bearer(token))
		over <- err
	}()
	harness.Eventually(t, 10*time.Second, "the stream is running", func() bool { return g.Metrics(t)["streams"] == 1 })
	answers.Invalidated.Check(t, harness.End(t, g, token))
	if err := <-over; err == nil {
		t.Error("the stream ended as a whole answer")
	}
	harness.Eventually(t, 10*time.Second, "the stream has gone", func() bool { return g.Metrics(t)["streams"] == 0 })
	g.Metrics(t).Check(t, harness.Metrics{`streams_cut_total{cause="revoked"}`: 1})
}

// Attack: make the gate remember a series for each user, path or method, until its memory is full.
func TestNothingThatAClientSendsMakesASeries(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{})
	harness.CheckAdmitted(t, harness.Get(t, g, g.Token(nil)))
	before := g.Metrics(t)
	for i := range 100 {
		id := rand.Text()
		token := g.Token(harness.Session("s"+id, "sub", "u"+id, "jti", "t"+id))
		g.Send(t, fmt.Sprintf("M%d", i), "/"+id, harness.Bearer(token), harness.Header("X-"+id, id))
		g.Send(t, "DELETE", harness.Endpoint, harness.Bearer(token))
		g.Send(t, "GET", "/"+id, harness.Bearer(id))
		g.Send(t, "GET", "/", harness.Bearer(g.Token(map[string]any{"iss": "https://" + id})))
	}
	after := g.Metrics(t)
	if len(after) != len(before) {
		t.Errorf("%d series, before %d", len(after), len(before))
	}
	for name := range after {
		if _, is := before[name]; !is {
			t.Errorf("new is %s", name)
		}
	}
}
