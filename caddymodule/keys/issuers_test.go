package keys_test

import (
	"crypto/sha1" // RFC 7517 §4.8 names it
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/storetest/logtest"
)

// with returns the key with these members in addition.
func with(t *testing.T, key *tokentest.Key, members map[string]any) map[string]any {
	t.Helper()
	jwk := key.JWK(t)
	maps.Copy(jwk, members)
	return jwk
}

// thumbprint returns `x5t` of a certificate in the form of `x5c`.
func thumbprint(t *testing.T, certificate string) string {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(certificate)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum(der)
	return b64(sum[:])
}

// The key sets of these issuers, in the form in which they publish them, with new keys. Every
// key for signatures verifies, and no other does.
func TestKeySetsOfRealIssuers(t *testing.T) {
	rsa1, rsa2 := tokentest.NewKey(t, "RS256", "kid-1"), tokentest.NewKey(t, "RS256", "kid-2")
	encryption, ec := tokentest.NewKey(t, "RS256", "enc-1"), tokentest.NewKey(t, "ES256", "kid-ec")
	ed := tokentest.NewKey(t, "EdDSA", "kid-ed")
	own, other := certificate(t, rsa1), certificate(t, rsa2)
	for name, tt := range map[string]struct {
		set      any
		verifies []*tokentest.Key
		leftOut  int
	}{
		// x5t is that of the certificate, kid is the same text, issuer is a template.
		"Entra ID": {map[string]any{"keys": []any{
			with(t, rsa1, map[string]any{"x5t": thumbprint(t, own), "x5c": []string{own}, "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0", "cloud_instance_name": "microsoftonline.com"}),
			with(t, rsa2, map[string]any{"x5t": thumbprint(t, own), "x5c": []string{own}}),
		}}, []*tokentest.Key{rsa1, rsa2}, 0},
		// The certificate was renewed and the document was not.
		"ADFS": {map[string]any{"keys": []any{
			with(t, rsa1, map[string]any{"alg": "RS256", "x5t": thumbprint(t, other), "x5c": []string{other}, "key_ops": nil}),
		}}, []*tokentest.Key{rsa1}, 0},
		"Keycloak": {map[string]any{"keys": []any{
			with(t, encryption, map[string]any{"alg": "RSA-OAEP", "use": "enc", "x5c": []string{own}, "x5t": "?", "x5t#S256": "?"}),
			with(t, rsa1, map[string]any{"alg": "RS256", "x5c": []string{own}, "x5t": thumbprint(t, own), "x5t#S256": "?"}),
			with(t, ec, map[string]any{"alg": "ES256"}),
		}}, []*tokentest.Key{rsa1, ec}, 1},
		"Cognito": {map[string]any{"keys": []any{
			with(t, rsa1, map[string]any{"alg": "RS256"}), with(t, rsa2, map[string]any{"alg": "RS256"}),
		}}, []*tokentest.Key{rsa1, rsa2}, 0},
		"Google": {map[string]any{"keys": []any{
			with(t, rsa1, map[string]any{"alg": "RS256"}), with(t, ec, map[string]any{"alg": "ES256"}),
		}}, []*tokentest.Key{rsa1, ec}, 0},
		// Oracle's identity service.
		"Oracle": {map[string]any{"keys": []any{
			with(t, rsa1, map[string]any{"alg": "RS256", "key_ops": []string{"verify", "encrypt"}, "x5t": "?", "x5t#S256": "?"}),
		}}, []*tokentest.Key{rsa1}, 0},
		"Supabase": {map[string]any{"keys": []any{
			with(t, ec, map[string]any{"alg": "ES256", "ext": true, "key_ops": []string{"verify"}}),
		}}, []*tokentest.Key{ec}, 0},
		"Kubernetes": {map[string]any{"keys": []any{with(t, rsa1, map[string]any{"alg": "RS256"})}}, []*tokentest.Key{rsa1}, 0},
		// A library that writes every member it knows.
		"every member": {map[string]any{"keys": []any{
			with(t, ed, map[string]any{"alg": "", "key_ops": []string{}, "x5c": nil, "x5u": nil, "y": nil, "n": nil, "e": nil, "d": nil, "k": nil, "oth": nil}),
		}}, []*tokentest.Key{ed}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			document, err := json.Marshal(tt.set)
			if err != nil {
				t.Fatal(err)
			}
			loadDocument(t, string(document), func(v keys.Source, log string) {
				for _, key := range tt.verifies {
					mustVerify(t, v, signed(t, key))
				}
				if err := v.Verify(signed(t, encryption)); err == nil {
					t.Error("a key for encryption verifies")
				}
				if strings.Count(log, "use: its use is not sig") != tt.leftOut || strings.Count(log, "WARN") != tt.leftOut {
					t.Errorf("want %d keys left out, log:\n%s", tt.leftOut, log)
				}
			})
		})
	}
}

// loadDocument loads a key set with exactly this text.
func loadDocument(t *testing.T, document string, test func(v keys.Source, log string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		endpoint := tokentest.NewEndpoint(t)
		endpoint.Behave(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(document)) })
		log := new(logtest.Text)
		remote := remoteKeys(t, endpoint, keys.RemoteOptions{URL: keySetURL, Logger: textLogger(log)})
		synctest.Wait()
		if !remote.Loaded() {
			t.Fatalf("not loaded:\n%s", log)
		}
		test(remote, log.String())
	})
}
