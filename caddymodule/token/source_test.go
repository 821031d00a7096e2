package token_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// The source of the keys decides by the header of the token, and by the signed text.
func TestTheSourceGetsTheHeader(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a key")
	v, source := watchedVerifier(t, key)
	raw := tokentest.Mint(t, key, tokentest.Claims(now, nil))
	mustVerify(t, v, raw)
	got := source.last
	if got.Algorithm != "ES256" || got.KeyID != "a key" || got.Input != signedPart(raw) || "."+b64(got.Value) != signaturePart(raw) {
		t.Errorf("the source got %+v", got)
	}
}

// Attack: a key was stolen, and the issuer withdrew it, or nobody knows whether it is still
// valid. Tokens that it signed must not pass from the cache.
func TestAnEpochEndsCachedTokens(t *testing.T) {
	key := tokentest.NewKey(t, "HS256", "")
	for _, want := range []error{token.ErrInvalid, token.ErrUnavailable, token.ErrUnknownKey} {
		v, source := watchedVerifier(t, key)
		cached := cacheToken(t, v, tokentest.Mint(t, key, tokentest.Claims(now, nil)))
		source.verifying = func() error { return want }
		if got := mustVerify(t, v, cached.Raw()); got != cached {
			t.Error("verified again before the epoch changed")
		}
		source.epoch.Add(1)
		mustRefuse(t, v, cached.Raw(), want)
		source.verifying = nil
		// A token that is still valid is verified once more, and cached again.
		if after := cacheToken(t, v, cached.Raw()); after == cached {
			t.Error("a token of an older epoch was not verified again")
		}
	}
}

// Attack: the key is withdrawn while its token is being verified. The token must be stale
// at once, instead of never.
func TestAnEpochThatBeginsMeanwhileIsNotMissed(t *testing.T) {
	key := tokentest.NewKey(t, "HS256", "")
	v, source := watchedVerifier(t, key)
	source.verifying = func() error {
		source.epoch.Add(1)
		return nil
	}
	raw := tokentest.Mint(t, key, tokentest.Claims(now, nil))
	mustVerify(t, v, raw)
	v.WaitForCache()
	source.verifying = func() error { return token.ErrInvalid }
	mustRefuse(t, v, raw, token.ErrInvalid)
	if source.verified.Load() != 2 {
		t.Errorf("%d signatures were verified, want 2", source.verified.Load())
	}
}

// A source serves several verifiers. Closing one of them must not end it.
func TestTwoVerifiersShareASource(t *testing.T) {
	key := tokentest.NewKey(t, "HS256", "")
	source := sourceFor(t, key)
	first, second := verifierFor(t, source), verifierFor(t, source)
	first.Close()
	mustVerify(t, second, tokentest.Mint(t, key, tokentest.Claims(now, nil)))
}

func TestCloseEndsEveryGoroutine(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	v, err := token.NewVerifier(token.Options{Issuers: []token.IssuerOptions{{
		Issuer: "x", AnyAudience: true, Keys: sourceFor(t, tokentest.NewKey(t, "HS256", "")),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	v.Close()
	v.Close()
}
