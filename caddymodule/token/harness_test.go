package token_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// now is the time in most tests: no rule depends on the real time.
var now = time.Unix(1_800_000_000, 0)

// verifierFor returns a verifier that trusts tokentest's issuer with these keys. The leeway
// is 30 s, and tokens live at most an hour.
func verifierFor(t testing.TB, keys keys.Source, change ...func(*token.Options)) *token.Verifier {
	t.Helper()
	options := token.Options{
		Namespace: "default",
		Issuers: []token.IssuerOptions{{
			Issuer: tokentest.Issuer, Audiences: []string{tokentest.Audience, "other-app"}, Keys: keys,
		}},
		Leeway:           30 * time.Second,
		MaxTokenLifetime: time.Hour,
		CacheBytes:       token.MinCacheBytes,
	}
	for _, f := range change {
		f(&options)
	}
	v, err := token.NewVerifier(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// sourceFor returns the key as a source, as users would configure it.
func sourceFor(t testing.TB, key *tokentest.Key) keys.Source {
	t.Helper()
	var source keys.Source
	var err error
	if key.Secret != nil {
		source, err = keys.NewHMAC(key.Secret)
	} else {
		source, err = keys.NewPEM(key.PublicPEM(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// watched is a source that counts calls, and that a test may change.
type watched struct {
	keys.Source
	verified  atomic.Int64   // how many signatures it was asked to verify
	last      keys.Signature // the last one
	epoch     atomic.Uint64
	verifying func() error // called for each signature, if it is set
}

// Verify implements keys.Source.
func (w *watched) Verify(s keys.Signature) error {
	w.verified.Add(1)
	w.last = s
	if w.verifying != nil {
		if err := w.verifying(); err != nil {
			return err
		}
	}
	return w.Source.Verify(s)
}

// Epoch implements keys.Source.
func (w *watched) Epoch() uint64 { return w.epoch.Load() }

// watchedVerifier returns a verifier, the key of tokens that it accepts, and its source.
func watchedVerifier(t testing.TB, key *tokentest.Key, change ...func(*token.Options)) (*token.Verifier, *watched) {
	t.Helper()
	source := &watched{Source: sourceFor(t, key)}
	return verifierFor(t, source, change...), source
}

// hmacVerifier returns a verifier and the key of tokens that it accepts.
func hmacVerifier(t testing.TB, change ...func(*token.Options)) (*token.Verifier, *tokentest.Key) {
	t.Helper()
	key := tokentest.NewKey(t, "HS256", "")
	return verifierFor(t, sourceFor(t, key), change...), key
}

// mustVerify fails the test unless the token is accepted.
func mustVerify(t testing.TB, v *token.Verifier, raw string) *token.Verified {
	t.Helper()
	verified, err := v.Verify(raw, now)
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	return verified
}

// mustRefuse fails the test unless the token is refused with the right error.
func mustRefuse(t testing.TB, v *token.Verifier, raw string, want error) {
	t.Helper()
	verified, err := v.Verify(raw, now)
	if verified != nil || !errors.Is(err, want) {
		t.Errorf("got token %v, error %v, want %v", verified != nil, err, want)
	}
}

func marshalled(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// wantError fails the test unless the text of err holds text.
func wantError(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v, want one with %q", err, text)
	}
}
