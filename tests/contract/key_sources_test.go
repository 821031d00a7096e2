package contract

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// writeKeySet writes a file with these keys and returns its path.
func writeKeySet(t *testing.T, jwks ...map[string]any) (path, text string) {
	t.Helper()
	document, err := json.Marshal(map[string]any{"keys": jwks})
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(path, document, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, string(document)
}

// An issuer moves from a secret to a key set (Supabase), and has keys in a file. Tokens of each
// key are admitted and end with their session.
//
// Attack (RFC 8725 §2.1): sign by HMAC with the text of a public key, of the key set or of a file.
func TestAnIssuerWithSeveralSourcesOfKeys(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		secret, published := harness.NewKey(), tokentest.NewKey(t, "ES256", "kid-es")
		inFile, inPEM := tokentest.NewKey(t, "RS256", "kid-file"), tokentest.NewKey(t, "EdDSA", "")
		endpoint := tokentest.NewEndpoint(t, published)
		url := endpoint.Serve(t) + tokentest.KeySetPath
		file, text := writeKeySet(t, inFile.JWK(t), map[string]any{"kty": "RSA", "kid": "enc", "use": "enc"})
		pem := filepath.Join(t.TempDir(), "public.pem")
		if err := os.WriteFile(pem, inPEM.PublicPEM(t), 0o600); err != nil {
			t.Fatal(err)
		}
		g := harness.Start(t, harness.Config{
			Store: store, Key: secret,
			Issuers: "issuer " + tokentest.Issuer + " {\njwks " + url + " " + url + "?next\njwks_file " + file + "\npublic_key " + pem +
				"\nhmac_secret " + harness.SecretFile(t, string(secret.Secret)) + "\naudience legacy-app\n}",
		})
		mint := func(key *tokentest.Key, session string) string {
			return tokentest.Mint(t, key, tokentest.Claims(time.Now(), harness.Session(session)))
		}
		harness.Recovers(t, g, mint(published, "first"))
		for name, key := range map[string]*tokentest.Key{"secret": secret, "published": published, "file": inFile, "pem": inPEM} {
			token := mint(key, name)
			harness.CheckAdmitted(t, harness.Get(t, g, token))
			answers.Invalidated.Check(t, harness.End(t, g, token))
			answers.BadToken.Check(t, harness.Get(t, g, token))
			for _, other := range []*tokentest.Key{secret, published, inFile, inPEM} {
				answers.BadToken.Check(t, harness.Get(t, g, mint(other, name)))
			}
		}
		for _, public := range []string{text, string(inPEM.PublicPEM(t)), inFile.JWK(t)["n"].(string)} {
			for _, id := range []string{"", "kid-es", "kid-file", "unknown"} {
				forged := &tokentest.Key{Algorithm: "HS256", ID: id, Secret: []byte(public)}
				answers.BadToken.Check(t, harness.Get(t, g, mint(forged, "forged")))
			}
		}
		// A new key of the key set: never 401.
		next := tokentest.NewKey(t, "ES256", "kid-next")
		endpoint.Publish(t, published, next)
		token := mint(next, "next")
		harness.Eventually(t, 15*time.Second, "a token of the new key is admitted", func() bool {
			answer := harness.Get(t, g, token)
			if answer.Status != http.StatusOK {
				answers.Unavailable.Check(t, answer)
			}
			return answer.Status == http.StatusOK
		})
	})
}
