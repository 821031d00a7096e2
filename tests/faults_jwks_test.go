package tests

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Fault (F30): the key set of an issuer was loaded, and then cannot be had, or not
// be believed. Attack: bring that about, to lock everybody out, or to have one's
// own keys taken. The last good keys go on; a key that is not among them may be
// new, which is 503 and not the client's fault; and a key that the issuer took
// out of a good set is refused, also for tokens that were verified before.
func TestLastGoodKeysGoOnWhateverTheEndpointAnswers(t *testing.T) {
	body := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
	}
	for name, behave := range map[string]http.HandlerFunc{
		"an error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusInternalServerError) },
		"HTML":     body("<html>sign in</html>"),
		"no keys":  body(`{"keys":[]}`),
		"too much": body(`{"keys":[` + strings.Repeat(" ", 1<<20) + `]}`),
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://localhost:1/jwks.json", http.StatusFound)
		},
		"a reset": func(w http.ResponseWriter, _ *http.Request) { reset(w) },
		"nothing": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits most of the time
			first, second := tokentest.NewKey(t, "ES256", "key-1"), tokentest.NewKey(t, "ES256", "key-2")
			keys := tokentest.NewEndpoint(t, first)
			url := keys.Serve(t)
			g := harness.Start(t, harness.Config{
				Key: first, Issuers: "issuer " + url + " {\njwks " + url + tokentest.KeySetPath + "\naudience legacy-app\n}",
			})
			old := g.Token(map[string]any{"iss": url})
			recovers(t, g, old)
			keys.Behave(behave)
			next := tokentest.Mint(t, second, tokentest.Claims(time.Now(), map[string]any{"iss": url}))
			harness.Eventually(t, trafficLimit, "a key that may be new is unavailable", func() bool { return statusOf(t, g, next) == 503 })
			unavailable.check(t, get(t, g, next))
			checkAdmitted(t, get(t, g, old))
			checkAdmitted(t, get(t, g, g.Token(map[string]any{"iss": url, "jti": "verified now"})))

			keys.Publish(t, second)
			keys.Behave(nil)
			harness.Eventually(t, 2*trafficLimit, "the next key is in use", func() bool { return statusOf(t, g, next) == 200 })
			badToken.check(t, get(t, g, old))
		})
	}
}
