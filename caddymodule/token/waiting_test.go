package token_test

import (
	"errors"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// withKeySet returns a verifier whose issuer publishes a key set, with the key loaded.
func withKeySet(t *testing.T, key *tokentest.Key, change ...func(*token.Options)) (*token.Verifier, *tokentest.Endpoint) {
	t.Helper()
	endpoint := tokentest.NewEndpoint(t, key)
	remote, err := keys.NewRemote(keys.RemoteOptions{URL: endpoint.Serve(t) + tokentest.KeySetPath})
	if err != nil {
		t.Fatal(err)
	}
	remote.Start()
	t.Cleanup(remote.Close)
	for !remote.Loaded() {
		runtime.Gosched()
	}
	return verifierFor(t, remote, change...), endpoint
}

// whenAsked makes an endpoint publish a key when it is asked, and returns a function that
// returns when that was.
func whenAsked(t *testing.T, endpoint *tokentest.Endpoint, key *tokentest.Key) (asked func() time.Time) {
	t.Helper()
	published := tokentest.NewEndpoint(t, key)
	times := make(chan time.Time, 100)
	endpoint.Behave(func(w http.ResponseWriter, r *http.Request) {
		times <- time.Now()
		published.ServeHTTP(w, r)
	})
	return func() time.Time { return <-times }
}

// Attack: a token waits for its key, and meanwhile the lease of the gate ends and another gate
// confirms the revocation of the session. The lease has to be checked at the time after the
// wait, so the caller gets that time.
func TestATokenOfANewKeyIsVerifiedAtTheTimeAfterTheWait(t *testing.T) {
	old, next := tokentest.NewKey(t, "ES256", "old"), tokentest.NewKey(t, "ES256", "next")
	v, endpoint := withKeySet(t, old)
	at := time.Now()
	before := at
	if _, err := v.VerifyWaiting(t.Context(), tokentest.Mint(t, old, tokentest.Claims(at, nil)), &at); err != nil || !at.Equal(before) {
		t.Fatalf("a token that does not wait: %v, at %v, want %v", err, at, before)
	}
	asked := whenAsked(t, endpoint, next)
	raw := tokentest.Mint(t, next, tokentest.Claims(at, nil))
	verified, err := v.VerifyWaiting(t.Context(), raw, &at)
	if err != nil || verified.SessionID != "session-1" {
		t.Fatalf("refused: %v", err)
	}
	if !at.After(asked()) {
		t.Error("the caller keeps the time before the wait")
	}
}

// A token expires while it waits.
func TestATokenThatExpiresWhileItWaitsIsExpired(t *testing.T) {
	old, next := tokentest.NewKey(t, "ES256", "old"), tokentest.NewKey(t, "ES256", "next")
	v, endpoint := withKeySet(t, old)
	whenAsked(t, endpoint, next)
	past := time.Now().Add(-time.Hour)
	raw := tokentest.Mint(t, next, tokentest.Claims(past, nil))
	if _, err := v.VerifyWaiting(t.Context(), raw, &past); !errors.Is(err, token.ErrExpired) {
		t.Errorf("error %v, want %v", err, token.ErrExpired)
	}
}

// Invariant 7: the issuer is asked before a token is invalid for its `kid`.
func TestATokenOfAKeyThatTheIssuerDoesNotKnowIsInvalid(t *testing.T) {
	key, stranger := tokentest.NewKey(t, "ES256", "a"), tokentest.NewKey(t, "ES256", "x")
	v, endpoint := withKeySet(t, key)
	at := time.Now()
	raw := tokentest.Mint(t, stranger, tokentest.Claims(at, nil))
	_, err := v.VerifyWaiting(t.Context(), raw, &at)
	if !errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrUnavailable) {
		t.Errorf("error %v, want %v", err, token.ErrInvalid)
	}
	if endpoint.Fetches(tokentest.KeySetPath) != 2 {
		t.Error("the issuer was not asked")
	}
	if _, err := v.Verify(raw, at); !errors.Is(err, token.ErrUnavailable) || !errors.Is(err, token.ErrUnknownKey) {
		t.Errorf("without a wait: %v, want %v", err, token.ErrUnknownKey)
	}
	if e := v.ExplainWaiting(t.Context(), raw, at); e.Steps[len(e.Steps)-1] != token.StepSignature || !errors.Is(e.Err, token.ErrUnavailable) {
		t.Errorf("explained as %v at %v", e.Err, e.Steps)
	}
}

// Attack: the issuer changes its key and sends a logout token, once. A refusal would lose the
// logout.
func TestALogoutTokenOfANewKeyWaitsForIt(t *testing.T) {
	old, next := tokentest.NewKey(t, "ES256", "old"), tokentest.NewKey(t, "ES256", "next")
	v, endpoint := withKeySet(t, old)
	whenAsked(t, endpoint, next)
	at := time.Now()
	raw := tokentest.Mint(t, next, map[string]any{
		"iss": tokentest.Issuer, "aud": tokentest.Audience, "jti": "1", "sid": "session-1", "iat": at.Unix(), "exp": at.Add(time.Minute).Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}, map[string]any{"typ": "logout+jwt"})
	l, err := v.VerifyLogoutWaiting(t.Context(), raw, at)
	if err != nil || l.SessionID != "session-1" {
		t.Errorf("refused: %v", err)
	}
}
