package metrics

import (
	"net/http"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Fault: the URL of a key set is wrong, or its server has gone. The keys of each issuer are seen
// by themselves, under the name in the configuration.
func TestTheKeysOfEachIssuerShow(t *testing.T) {
	t.Parallel()
	endpoint := tokentest.NewEndpoint(t, tokentest.NewKey(t, "ES256", "key-1"))
	good := endpoint.Serve(t)
	missing := tokentest.NewEndpoint(t, tokentest.NewKey(t, "ES256", "key-2"))
	missing.Behave(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	bad := missing.Serve(t)
	block := func(name, address string) string {
		return "issuer " + name + " {\njwks " + address + tokentest.KeySetPath + "\naudience legacy-app\n}\n"
	}
	issuers := harness.IssuerBlock(tokentest.Issuer) + block("https://good.example.com", good) + block("https://bad.example.com", bad)
	g := harness.Start(t, harness.Config{Issuers: issuers})
	of := func(metric, name, more string) string {
		return metric + `{issuer="https://` + name + `.example.com"` + more + `}`
	}
	harness.Eventually(t, 10*time.Second, "both key sets were asked for", func() bool {
		m := g.Metrics(t)
		return m[of("key_fetches_total", "good", `,result="ok"`)] == 1 && m[of("key_fetches_total", "bad", `,result="failed"`)] >= 1
	})
	m := g.Metrics(t)
	m.Check(t, harness.Metrics{
		of("keys", "good", ""): 1, of("keys", "bad", ""): 0,
		of("key_fetches_total", "good", `,result="failed"`): 0, of("key_fetches_total", "bad", `,result="ok"`): 0,
	})
	if age, is := m[of("keys_age_seconds", "good", "")]; !is || age < 0 || age > 60 {
		t.Errorf("the keys are %v s old (%t)", age, is)
	}
	if _, is := m[of("keys_age_seconds", "bad", "")]; is {
		t.Error("keys that were never loaded have an age")
	}
	// A reload takes the key sets over, and their counts.
	harness.Load(t, g, harness.Config{Issuers: issuers, App: "leeway 20s"})
	g.Metrics(t).Check(t, harness.Metrics{of("key_fetches_total", "good", `,result="ok"`): 1, of("keys", "good", ""): 1})
	// Another address is asked anew, and the count goes on.
	moved := harness.IssuerBlock(tokentest.Issuer) + block("https://good.example.com", endpoint.Serve(t))
	harness.Load(t, g, harness.Config{Issuers: moved})
	harness.Eventually(t, 10*time.Second, "the other address was asked", func() bool {
		return g.Metrics(t)[of("key_fetches_total", "good", `,result="ok"`)] == 2
	})
	if _, is := g.Metrics(t)[of("keys", "bad", "")]; is {
		t.Error("an issuer that is not configured any more has a series")
	}
}
