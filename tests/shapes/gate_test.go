package shapes

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// shared returns the shapes that one gate can accept, for as few gates as possible: all have
// the same global options, and at most one issuer has tokens without `iss`.
func shared(t *testing.T) (gates [][]tokentest.Shape) {
	t.Helper()
	nameless := func(s tokentest.Shape) bool { return s.Iss == "" }
next:
	for _, s := range tokentest.Shapes(t) {
		for i, g := range gates {
			if slices.Equal(g[0].Options, s.Options) && !(nameless(s) && slices.ContainsFunc(g, nameless)) {
				gates[i] = append(g, s)
				continue next
			}
		}
		gates = append(gates, []tokentest.Shape{s})
	}
	return gates
}

// start starts a gate that accepts these shapes, and returns the keys of their issuers, by the
// names of the shapes.
func start(t *testing.T, store string, accepted []tokentest.Shape) (*harness.Gate, map[string]*tokentest.Key) {
	t.Helper()
	keys, made := make(map[string]*tokentest.Key), make(map[string]*tokentest.Key)
	var issuers []string
	for _, s := range accepted {
		id := s.Algorithm() + s.KeyID()
		if made[id] == nil {
			made[id] = newKey(t, s)
		}
		keys[s.Name] = made[id]
		issuers = append(issuers, s.IssuerBlock(keysLine(t, s, made[id])))
	}
	return harness.Start(t, harness.Config{
		Store: store, App: strings.Join(accepted[0].Options, "\n"), Issuers: strings.Join(issuers, "\n"),
	}), keys
}

func newKey(t *testing.T, s tokentest.Shape) *tokentest.Key {
	t.Helper()
	if s.Algorithm() == "HS256" {
		return harness.NewKey()
	}
	return tokentest.NewKey(t, s.Algorithm(), s.KeyID())
}

// keysLine returns the line of an issuer block that names a key: its secret, or a key set with
// the key as the issuer publishes it.
func keysLine(t *testing.T, s tokentest.Shape, key *tokentest.Key) string {
	t.Helper()
	if key.Secret != nil {
		return "hmac_secret " + harness.SecretFile(t, string(key.Secret))
	}
	set, err := json.Marshal(map[string]any{"keys": []any{s.JWK(t, key)}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(file, set, 0o600); err != nil {
		t.Fatal(err)
	}
	return "jwks_file " + file
}
