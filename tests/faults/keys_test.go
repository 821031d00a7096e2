package faults

import (
	"maps"
	"slices"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Attack: use a stolen key after its issuer has withdrawn it, with a token that the gate
// has verified before, and with a new one. Once the gate has the new set, neither passes,
// whatever the issuer did about the key. Tokens of its other keys pass.
func TestStolenKeyEndsWithTheSetThatSaysSo(t *testing.T) {
	t.Parallel()
	stolen, other := tokentest.NewKey(t, "ES256", "key-1"), tokentest.NewKey(t, "ES256", "key-2")
	replaced := tokentest.NewKey(t, "ES256", "key-1")
	weak := &tokentest.Key{Algorithm: "RS256", ID: "key-1", Signer: weakRSA(t)}
	sets := map[string][]map[string]any{
		"removed":              {other.JWK(t)},
		"replaced in place":    {replaced.JWK(t), other.JWK(t)},
		"for encryption":       {with(stolen.JWK(t), "use", "enc"), other.JWK(t)},
		"published in full":    {with(stolen.JWK(t), "d", "c2VjcmV0"), other.JWK(t)},
		"published beside":     {stolen.JWK(t), with(with(stolen.JWK(t), "d", "c2VjcmV0"), "kid", "x"), other.JWK(t)},
		"replaced by a weak":   {weak.JWK(t), other.JWK(t)},
		"replaced by a secret": {{"kty": "oct", "kid": "key-1", "k": "c2VjcmV0"}, other.JWK(t)},
	}
	i := startIssuers(t, slices.Collect(maps.Keys(sets)), stolen, other)
	seen, good, prompt := make(map[string]string), make(map[string]string), make(map[string]string)
	for name, set := range sets {
		seen[name], good[name] = i.token(t, name, stolen, "seen before"), i.token(t, name, other, "good")
		// A token that makes the gate fetch the set: of the key that replaced the stolen
		// one, or of an unknown key.
		prompt[name] = i.token(t, name, tokentest.NewKey(t, "ES256", "key-3"), "prompt")
		if name == "replaced in place" {
			prompt[name] = i.token(t, name, replaced, "prompt")
		}
		harness.Recovers(t, i.gate, seen[name])
		harness.CheckAdmitted(t, harness.Get(t, i.gate, good[name]))
		i.endpoints[name].PublishJWKs(set...)
		harness.Get(t, i.gate, prompt[name])
	}
	for name := range sets {
		t.Run(name, func(t *testing.T) {
			g := i.gate
			harness.Eventually(t, harness.TrafficLimit, "the stolen key is refused", func() bool {
				harness.Get(t, g, prompt[name])
				return harness.StatusOf(t, g, seen[name]) == 401
			})
			answers.BadToken.Check(t, harness.Get(t, g, seen[name]))
			answers.BadToken.Check(t, harness.Get(t, g, i.token(t, name, stolen, "fresh")))
			answers.BadToken.Check(t, harness.Get(t, g, i.token(t, name, weak, "weak")))
			harness.CheckAdmitted(t, harness.Get(t, g, good[name]))
			if name == "replaced in place" {
				harness.CheckAdmitted(t, harness.Get(t, g, prompt[name]))
			}
		})
	}
}

// Fault: an issuer publishes its only private key. Everybody can sign with it, so it does
// not stay in force as the last good key. The issuer is at fault, and not the holders of
// its tokens.
func TestOnlyKeyPublishedInFullIsUnavailable(t *testing.T) {
	t.Parallel()
	key := tokentest.NewKey(t, "ES256", "key-1")
	i := startIssuers(t, []string{"careless"}, key)
	seen := i.token(t, "careless", key, "seen before")
	harness.Recovers(t, i.gate, seen)
	i.endpoints["careless"].PublishJWKs(with(key.JWK(t), "d", "c2VjcmV0"))
	prompt := i.token(t, "careless", tokentest.NewKey(t, "ES256", "key-2"), "prompt")
	harness.Eventually(t, harness.TrafficLimit, "the key is refused", func() bool {
		harness.Get(t, i.gate, prompt)
		return harness.StatusOf(t, i.gate, seen) == 503
	})
	answers.Unavailable.Check(t, harness.Get(t, i.gate, seen))
	answers.Unavailable.Check(t, harness.Get(t, i.gate, i.token(t, "careless", key, "fresh")))
}
