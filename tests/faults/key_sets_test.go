package faults

import (
	"net/http"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Fault: keys that were never loaded are a technical failure, not a fault of the client.
func TestTokensAreUnavailableUntilTheKeySetWasLoaded(t *testing.T) {
	t.Parallel()
	for _, source := range []string{"jwks", "discover"} {
		t.Run(source, func(t *testing.T) {
			harness.EachStore(t, func(t *testing.T, store string) {
				t.Parallel() // it waits most of the time
				key := tokentest.NewKey(t, "ES256", "key-1")
				endpointOfKeys := tokentest.NewEndpoint(t, key)
				url := endpointOfKeys.Serve(t)
				endpointOfKeys.Behave(func(w http.ResponseWriter, _ *http.Request) {
					http.Error(w, "not yet", http.StatusServiceUnavailable)
				})
				line := map[string]string{"jwks": "jwks " + url + tokentest.KeySetPath, "discover": "discover"}[source]
				g := harness.Start(t, harness.Config{
					Store: store, Key: key, Issuers: "issuer " + url + " {\n" + line + "\naudience legacy-app\n}",
				})
				token := g.Token(map[string]any{"iss": url})
				answers.Unavailable.Check(t, harness.Get(t, g, token))
				answers.Unavailable.Check(t, harness.End(t, g, token))
				answers.BadToken.Check(t, harness.Get(t, g, g.Token(map[string]any{"iss": "https://evil.example.com"})))
				answers.NoToken.Check(t, g.Send(t, "GET", "/"))
				harness.CheckUnreached(t, g)

				endpointOfKeys.Behave(nil)
				harness.Recovers(t, g, token)
				stranger := tokentest.NewKey(t, "ES256", "key-2")
				unknown := tokentest.Mint(t, stranger, tokentest.Claims(time.Now(), map[string]any{"iss": url}))
				// The gate asks the issuer at most once in 5 s, and does not know before.
				for _, send := range []func() harness.Answer{
					func() harness.Answer { return harness.Get(t, g, unknown) },
					func() harness.Answer { return harness.End(t, g, unknown) },
				} {
					harness.Eventually(t, 15*time.Second, "the issuer was asked for the key", func() bool {
						answer := send()
						if answer.Status == 503 {
							answers.Unavailable.Check(t, answer)
							return false
						}
						answers.BadToken.Check(t, answer)
						return true
					})
				}
				harness.CheckAdmitted(t, harness.Get(t, g, token))
				answers.Invalidated.Check(t, harness.End(t, g, token))
				answers.BadToken.Check(t, harness.Get(t, g, token))
			})
		})
	}
}

// Fault: the issuer begins to use a new key. Requests with it wait for the key set, are
// asked to try again if that takes long, and are never 401. The last
// good keys stay in force while the issuer is unreachable.
func TestNewKeyIsFoundAndOldOnesOutliveTheIssuer(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		t.Parallel() // it waits most of the time
		first, second := tokentest.NewKey(t, "ES256", "key-1"), tokentest.NewKey(t, "EdDSA", "key-2")
		endpointOfKeys := tokentest.NewEndpoint(t, first)
		url := endpointOfKeys.Serve(t)
		g := harness.Start(t, harness.Config{
			Store: store, Key: first, Issuers: "issuer " + url + " {\njwks " + url + tokentest.KeySetPath + "\naudience legacy-app\n}",
		})
		old := g.Token(map[string]any{"iss": url})
		harness.Recovers(t, g, old)
		endpointOfKeys.Publish(t, first, second)
		next := tokentest.Mint(t, second, tokentest.Claims(time.Now(), map[string]any{"iss": url, "sid": "next"}))
		harness.Eventually(t, 15*time.Second, "a token of the new key is admitted", func() bool {
			answer := harness.Get(t, g, next)
			if answer.Status != 200 {
				answers.Unavailable.Check(t, answer) // never 401
			}
			return answer.Status == 200
		})
		endpointOfKeys.Behave(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "down", http.StatusInternalServerError)
		})
		harness.CheckAdmitted(t, harness.Get(t, g, g.Token(map[string]any{"iss": url, "jti": "new"})))
	})
}
