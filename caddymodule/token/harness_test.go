package token_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// now is the time in most tests: no rule depends on the real one.
var now = time.Unix(1_800_000_000, 0)

// verifierFor returns a verifier that trusts tokentest's issuer by these keys,
// with a leeway of 30 s and tokens of at most an hour.
func verifierFor(t testing.TB, keys token.KeySource, change ...func(*token.Options)) *token.Verifier {
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

// sourceFor holds the key as its users would configure it.
func sourceFor(t testing.TB, key *tokentest.Key) token.KeySource {
	t.Helper()
	var source token.KeySource
	var err error
	if key.Secret != nil {
		source, err = token.NewHMACKeys(key.Secret)
	} else {
		source, err = token.NewPublicKeys(key.PublicPEM(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// hmacVerifier is a verifier and the key of tokens that it accepts.
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

// mustRefuse fails the test unless the token is refused as what it is.
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

// logText is a log that may be read while it is written.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
