package keys_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// pemOf returns a source of PEM files with these keys.
func pemOf(t *testing.T, all ...*tokentest.Key) keys.Source {
	t.Helper()
	var files [][]byte
	for _, key := range all {
		files = append(files, key.PublicPEM(t))
	}
	source, err := keys.NewPEM(files...)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// hmacOf returns a source of the secret of a key.
func hmacOf(t *testing.T, key *tokentest.Key) keys.Source {
	t.Helper()
	source, err := keys.NewHMAC(key.Secret)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// fileOf returns a source of a key set in a file.
func fileOf(t *testing.T, all ...*tokentest.Key) keys.Source {
	t.Helper()
	var jwks []map[string]any
	for _, key := range all {
		jwks = append(jwks, key.JWK(t))
	}
	source, ignored, err := keys.NewJWKS("keys.json", []byte(marshalled(map[string]any{"keys": jwks})))
	if err != nil || ignored != "" {
		t.Fatalf("error %v, ignored %q", err, ignored)
	}
	return source
}

// remoteOf returns the loaded keys of an endpoint, in a bubble.
func remoteOf(t *testing.T, all ...*tokentest.Key) (*keys.Remote, *tokentest.Endpoint) {
	t.Helper()
	endpoint := tokentest.NewEndpoint(t, all...)
	remote := remoteKeys(t, endpoint, keys.RemoteOptions{URL: keySetURL})
	synctest.Wait()
	return remote, endpoint
}

// An issuer that moves from a secret to a key set, and from one key set to another, has several
// sources of keys for a time (Supabase).
func TestJoinedSourcesVerifyWithEachKey(t *testing.T) {
	secret, pem := tokentest.NewKey(t, "HS256", "legacy"), tokentest.NewKey(t, "ES256", "p")
	file, first, second := tokentest.NewKey(t, "RS256", "f"), tokentest.NewKey(t, "ES256", "1"), tokentest.NewKey(t, "EdDSA", "2")
	synctest.Test(t, func(t *testing.T) {
		one, _ := remoteOf(t, first)
		two, endpoint := remoteOf(t, second)
		source := keys.Join(one, two, fileOf(t, file), pemOf(t, pem), hmacOf(t, secret))
		for _, key := range []*tokentest.Key{secret, pem, file, first, second, file.As("PS256"), second.As("Ed25519")} {
			mustVerify(t, source, signed(t, key))
		}
		for _, key := range []*tokentest.Key{secret, pem, first, second, file} {
			mustVerify(t, source, withKeyID(signed(t, key), ""))
		}
		for _, name := range []string{"HS256", "ES256", "RS256", "EdDSA"} {
			if !slices.Contains(source.Algorithms(), name) {
				t.Errorf("algorithms %v without %s", source.Algorithms(), name)
			}
		}
		if n := len(source.Algorithms()); n != len(slices.Compact(source.Algorithms())) {
			t.Errorf("algorithms %v", source.Algorithms())
		}
		// Attack: a key of one set was stolen and withdrawn. Cached tokens must end.
		held := accept(t, source, signed(t, second))
		endpoint.Publish(t, tokentest.NewKey(t, "ES256", "3"))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		mustEnd(t, held, keys.ErrUnknownKey)
		mustVerify(t, source, signed(t, first))
	})
}

// Attack (RFC 8725 §2.1): the issuer has a secret and public keys. Sign by HMAC with what
// everybody can read: a PEM file, a key set, or a number of a key.
func TestPublicKeysBesideASecretAreNoSecrets(t *testing.T) {
	secret, public := tokentest.NewKey(t, "HS256", "s"), tokentest.NewKey(t, "RS256", "p")
	set := marshalled(map[string]any{"keys": []any{public.JWK(t)}})
	synctest.Test(t, func(t *testing.T) {
		remote, _ := remoteOf(t, public)
		for _, source := range []keys.Source{
			keys.Join(remote, hmacOf(t, secret)),
			keys.Join(hmacOf(t, secret), pemOf(t, public)),
			keys.Join(fileOf(t, public), hmacOf(t, secret)),
		} {
			for _, text := range []string{string(public.PublicPEM(t)), strings.TrimSpace(string(public.PublicPEM(t))), set, public.JWK(t)["n"].(string)} {
				for _, algorithm := range []string{"HS256", "HS384", "HS512"} {
					for _, id := range []string{"p", "s", "", "x"} {
						mustRefuse(t, source, signed(t, &tokentest.Key{Algorithm: algorithm, ID: id, Secret: []byte(text)}), keys.ErrInvalid)
					}
				}
			}
			mustVerify(t, source, signed(t, secret))
			mustVerify(t, source, signed(t, public))
		}
	})
	for _, text := range []string{set, marshalled(public.JWK(t)), "\ufeff[" + marshalled(public.JWK(t)) + "]"} {
		_, err := keys.NewHMAC([]byte(text))
		wantError(t, err, "it is a key set; use it as jwks_file")
	}
}

// Each source answers for its own keys: nobody else's token makes the gate fetch a set, and a
// key set that cannot be asked makes nothing invalid.
func TestJoinedSourcesAskOnlyForUnknownKeys(t *testing.T) {
	first, second, pem := tokentest.NewKey(t, "ES256", "1"), tokentest.NewKey(t, "ES256", "2"), tokentest.NewKey(t, "ES256", "p")
	stranger := tokentest.NewKey(t, "ES256", "x")
	synctest.Test(t, func(t *testing.T) {
		one, endpointOne := remoteOf(t, first)
		two, endpointTwo := remoteOf(t, second)
		source := keys.Join(one, two, pemOf(t, pem))
		fetches := func() int {
			synctest.Wait()
			return endpointOne.Fetches(tokentest.KeySetPath) + endpointTwo.Fetches(tokentest.KeySetPath)
		}
		for range 10 {
			for _, key := range []*tokentest.Key{first, second, pem} {
				mustVerify(t, source, signed(t, key))
			}
			// A forged token with a known kid is invalid at once.
			mustRefuse(t, source, withKeyID(signed(t, stranger), "2"), keys.ErrInvalid)
			wantWaited(t, source, withKeyID(signed(t, stranger), "1"), keys.ErrInvalid, 0)
		}
		if n := fetches(); n != 2 {
			t.Errorf("%d fetches, want 2", n)
		}
		// A new kid is looked for everywhere.
		next := tokentest.NewKey(t, "ES256", "next")
		endpointTwo.Publish(t, second, next)
		wantWaited(t, source, signed(t, next), nil, 0)
		if n := fetches(); n != 4 {
			t.Errorf("%d fetches, want 4", n)
		}
		time.Sleep(5 * time.Second)
		wantWaited(t, source, signed(t, stranger), keys.ErrInvalid, 0)
		// One of the sets cannot be asked.
		time.Sleep(5 * time.Second)
		endpointOne.Behave(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		wantWaited(t, source, signed(t, stranger), keys.ErrUnavailable, 0)
		mustRefuse(t, source, signed(t, stranger), keys.ErrUnavailable)
		mustVerify(t, source, signed(t, second))
	})
}

// Invariant 7: while one of the sets was never loaded, no token is invalid.
func TestJoinedSourcesAreUnavailableUntilAllAreLoaded(t *testing.T) {
	key, pem := tokentest.NewKey(t, "ES256", "1"), tokentest.NewKey(t, "ES256", "p")
	synctest.Test(t, func(t *testing.T) {
		endpoint := tokentest.NewEndpoint(t, key)
		endpoint.Behave(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		remote := remoteKeys(t, endpoint, keys.RemoteOptions{URL: keySetURL})
		synctest.Wait()
		source := keys.Join(remote, pemOf(t, pem))
		mustVerify(t, source, signed(t, pem))
		mustRefuse(t, source, signed(t, key), keys.ErrUnavailable)
		err := source.Verify(signed(t, tokentest.NewKey(t, "RS256", "")))
		if !errors.Is(err, keys.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
		endpoint.Behave(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		mustVerify(t, source, signed(t, key))
	})
}

// A key set in a file is read like one that is fetched.
func TestKeySetFiles(t *testing.T) {
	a, b := tokentest.NewKey(t, "ES256", "a"), tokentest.NewKey(t, "ES256", "b")
	source := fileOf(t, a, b)
	mustVerify(t, source, signed(t, a))
	mustVerify(t, source, withKeyID(signed(t, b), ""))
	mustRefuse(t, source, withKeyID(signed(t, a), "b"), keys.ErrInvalid)
	mustRefuse(t, source, withKeyID(signed(t, a), "x"), keys.ErrInvalid)
	mustRefuse(t, source, signed(t, a.As("RS256")), keys.ErrInvalid)
	if names := source.Algorithms(); !slices.Equal(names, []string{"ES256"}) || source.Epoch() != 0 {
		t.Errorf("algorithms %v, epoch %d", names, source.Epoch())
	}
	_, ignored, err := keys.NewJWKS("", []byte(marshalled(map[string]any{"keys": []any{a.JWK(t), privateJWK(t, b, nil)}})))
	if err != nil || !strings.Contains(ignored, `key "b": d: it is private or symmetric`) {
		t.Errorf("error %v, ignored %q", err, ignored)
	}
	for want, document := range map[string]string{
		"it is a PEM file; use it as a public key": string(a.PublicPEM(t)),
		"none of its 0 keys":                       `{"keys":[]}`,
		"there are none":                           `{}`,
		"not valid JSON":                           "",
		"it is private or symmetric":               marshalled(privateJWK(t, a, nil)),
		"more than 1048576 bytes":                  strings.Repeat(" ", 1<<20+1),
	} {
		_, _, err := keys.NewJWKS("", []byte(document))
		wantError(t, err, want)
	}
}
