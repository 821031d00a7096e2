package keys_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/storetest/logtest"
)

// privateJWK returns the private key as an issuer could publish it by mistake.
func privateJWK(t *testing.T, key *tokentest.Key, members map[string]any) map[string]any {
	t.Helper()
	jwk := key.JWK(t)
	switch private := key.Signer.(type) {
	case *ecdsa.PrivateKey:
		secret, err := private.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		jwk["d"] = b64(secret)
	case ed25519.PrivateKey:
		jwk["d"] = b64(private.Seed())
	case *rsa.PrivateKey:
		jwk["d"] = b64(private.D.Bytes())
		jwk["p"], jwk["q"] = b64(private.Primes[0].Bytes()), b64(private.Primes[1].Bytes())
	}
	for name, value := range members {
		jwk[name] = value
	}
	return jwk
}

// Attack: the issuer publishes a private key, and an attacker who reads the set signs with
// it. The public key is not used, wherever it stands. The other keys of the set are.
func TestPublishedPrivateKeyExcludesItsPublicKey(t *testing.T) {
	for _, algorithm := range []string{"ES256", "ES512", "RS256", "EdDSA"} {
		burnt, good := tokentest.NewKey(t, algorithm, "burnt"), tokentest.NewKey(t, "ES256", "good")
		other := map[string]any{"kid": "another kid", "use": "enc", "alg": "none"}
		for name, jwks := range map[string][]map[string]any{
			"under its own kid":   {privateJWK(t, burnt, nil), good.JWK(t)},
			"after the public":    {burnt.JWK(t), good.JWK(t), privateJWK(t, burnt, other)},
			"before the public":   {privateJWK(t, burnt, other), burnt.JWK(t), good.JWK(t)},
			"in another case":     {burnt.JWK(t), good.JWK(t), inCaps(privateJWK(t, burnt, other))},
			"with broken members": {burnt.JWK(t), good.JWK(t), privateJWK(t, burnt, map[string]any{"kid": 1, "d": 7, "x5c": "?"})},
		} {
			t.Run(algorithm+" "+name, func(t *testing.T) {
				loadSet(t, func(v keys.Source, _ bool, log string) {
					mustVerify(t, v, signed(t, good))
					mustRefuse(t, v, signed(t, burnt), keys.ErrUnknownKey)
					if strings.Count(log, "level=WARN") != 1 {
						t.Errorf("log:\n%s", log)
					}
				}, jwks...)
			})
		}
	}
}

func inCaps(jwk map[string]any) map[string]any {
	caps := make(map[string]any, len(jwk))
	for name, value := range jwk {
		caps[strings.ToUpper(name)] = value
	}
	return caps
}

// Attack: the same, with a set that holds no usable key. If a set is damaged, the last good
// keys stay in force. A published private key does not, because everybody can sign with it.
func TestPublishedPrivateKeyIsNoLastGoodKey(t *testing.T) {
	burnt, good := tokentest.NewKey(t, "ES256", "burnt"), tokentest.NewKey(t, "ES256", "good")
	next := tokentest.NewKey(t, "ES256", "next")
	for name, tt := range map[string]struct {
		held      []*tokentest.Key
		published map[string]any
		ends      bool // the tokens of the published key
	}{
		"the only key":      {[]*tokentest.Key{burnt}, privateJWK(t, burnt, nil), true},
		"one of two keys":   {[]*tokentest.Key{burnt, good}, privateJWK(t, burnt, nil), true},
		"an empty secret":   {[]*tokentest.Key{burnt, good}, privateJWK(t, burnt, map[string]any{"d": ""}), false},
		"another's secret":  {[]*tokentest.Key{burnt, good}, privateJWK(t, next, map[string]any{"kid": "burnt"}), false},
		"a symmetric key":   {[]*tokentest.Key{burnt, good}, map[string]any{"kty": "oct", "kid": "burnt", "k": "c2VjcmV0"}, false},
		"not even a public": {[]*tokentest.Key{burnt, good}, map[string]any{"kty": "EC", "kid": "burnt", "d": "c2VjcmV0"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				endpoint := tokentest.NewEndpoint(t, tt.held...)
				var log logtest.Text
				remote := remoteKeys(t, endpoint, keys.RemoteOptions{URL: keySetURL, Logger: slog.New(slog.NewTextHandler(&log, nil))})
				synctest.Wait()
				held := accept(t, remote, signed(t, burnt))
				endpoint.PublishJWKs(tt.published)
				time.Sleep(10*time.Minute + time.Second)
				synctest.Wait()
				if !tt.ends {
					if mustVerify(t, remote, held.Signature); !held.holds() {
						t.Error("an epoch began")
					}
					return
				}
				// The issuer is at fault, not the client: 503.
				mustEnd(t, held, keys.ErrUnavailable)
				if len(tt.held) > 1 {
					mustVerify(t, remote, signed(t, good))
				}
				if strings.Count(log.String(), "level=ERROR") != 1 {
					t.Errorf("log:\n%s", log.String())
				}
				endpoint.Publish(t, next)
				time.Sleep(time.Minute)
				synctest.Wait()
				mustVerify(t, remote, signed(t, next))
				mustEnd(t, held, keys.ErrUnknownKey)
			})
		})
	}
}

// Attack (RFC 8725 §2.1): a public set holds a symmetric key. Everybody can read it, and
// sign with it under the set's `kid`. The key may even say `verify`.
func TestSymmetricKeyOfASetSignsNothing(t *testing.T) {
	good, symmetric := tokentest.NewKey(t, "ES256", "good"), tokentest.NewKey(t, "HS256", "oct")
	for _, jwk := range []map[string]any{
		{"kty": "oct", "kid": "oct", "k": b64(symmetric.Secret)},
		{"kty": "oct", "kid": "oct", "k": b64(symmetric.Secret), "alg": "HS256", "use": "sig", "key_ops": []string{"verify"}},
		{"kty": "oct", "kid": "oct", "K": b64(symmetric.Secret), "alg": "HS256"},
		{"kty": "OCT", "kid": "oct", "k": b64(symmetric.Secret), "alg": "HS256"},
	} {
		loadSet(t, func(v keys.Source, _ bool, _ string) {
			mustVerify(t, v, signed(t, good))
			mustRefuse(t, v, signed(t, symmetric), keys.ErrUnknownKey)
			// A public key of the set does not work as a secret either.
			for _, secret := range [][]byte{good.PublicPEM(t), []byte(good.JWK(t)["x"].(string))} {
				mustRefuse(t, v, signed(t, &tokentest.Key{Algorithm: "HS256", ID: "good", Secret: secret}), keys.ErrInvalid)
			}
		}, jwk, good.JWK(t))
	}
	// The source does not offer its algorithm to the operator either.
	remote, err := keys.NewRemote(keys.RemoteOptions{URL: keySetURL})
	if err != nil {
		t.Fatal(err)
	}
	if names := remote.Algorithms(); slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "HS") }) {
		t.Errorf("algorithms %v", names)
	}
}
