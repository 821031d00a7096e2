package keys_test

import (
	"slices"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// People compare the key id of a token with those of the sets in force. Secrets have none.
func TestTheKeyIDsInForceAreNamed(t *testing.T) {
	secret, err := keys.NewHMAC(make([]byte, keys.MinSecretSize))
	if err != nil {
		t.Fatal(err)
	}
	file, _, err := keys.NewJWKS("keys.json", []byte(marshalled(map[string]any{"keys": []any{
		tokentest.NewKey(t, "ES256", "b").JWK(t), tokentest.NewKey(t, "ES256", "").JWK(t), tokentest.NewKey(t, "ES256", "a").JWK(t),
	}})))
	if err != nil {
		t.Fatal(err)
	}
	unfetched, err := keys.NewRemote(keys.RemoteOptions{URL: "https://id.example.com/jwks"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		source keys.Source
		want   []string
	}{
		"a file": {file, []string{"b", "a"}}, "secrets": {secret, nil}, "a set that was never fetched": {unfetched, nil},
		"several": {keys.Join(file, unfetched, secret), []string{"b", "a"}},
	} {
		if got := keys.IDs(c.source); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
