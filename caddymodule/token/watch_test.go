package token_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// warned returns the claims of which the verifier warned, in order.
func warned(log *bytes.Buffer) (claims []string) {
	for line := range strings.Lines(log.String()) {
		if _, claim, found := strings.Cut(strings.TrimSpace(line), "claim="); found && strings.Contains(line, "level=WARN") {
			claims = append(claims, claim)
		}
	}
	return claims
}

// A misspelt claim leaves a header empty, and nobody notices. After 100 tokens the log tells,
// once for each name.
func TestANameThatNoTokenHasIsAWarning(t *testing.T) {
	var log bytes.Buffer
	v, key := hmacVerifier(t, func(o *token.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	v.AddView([]string{"sub", "groups", "emial", "realm_access.role"})
	v.AddView([]string{"emial", "seldom", "realm_access.roles"})
	verify := func(n int) {
		claims := map[string]any{"jti": fmt.Sprint(n), "groups": []string{}, "realm_access": map[string]any{"roles": []string{"a"}}}
		if n == 50 {
			claims["seldom"] = "x"
		}
		mustVerify(t, v, tokentest.Mint(t, key, tokentest.Claims(now, claims)))
	}
	for n := range 99 {
		verify(n)
	}
	if got := warned(&log); len(got) > 0 {
		t.Errorf("warned of %q after 99 tokens", got)
	}
	for n := range 200 {
		verify(99 + n)
	}
	if got := warned(&log); fmt.Sprint(got) != "[emial realm_access.role]" {
		t.Errorf("warned of %q, want each name that no token has once", got)
	}
}

// A token from the cache does not count: a client that repeats one token says nothing about
// the others.
func TestCachedTokensAreNotCounted(t *testing.T) {
	var log bytes.Buffer
	v, key := hmacVerifier(t, func(o *token.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	v.AddView([]string{"groups"})
	cached := cacheToken(t, v, tokentest.Mint(t, key, tokentest.Claims(now, nil)))
	for range 200 {
		if mustVerify(t, v, cached.Raw()) != cached {
			t.Fatal("the cache forgot the token")
		}
	}
	if got := warned(&log); len(got) > 0 {
		t.Errorf("warned of %q", got)
	}
}

func TestWatchingEndsWhenEveryNameWasSeen(t *testing.T) {
	var log bytes.Buffer
	v, key := hmacVerifier(t, func(o *token.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	v.AddView([]string{"sub"})
	for n := range 150 {
		mustVerify(t, v, tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"jti": fmt.Sprint(n)})))
	}
	if got := warned(&log); len(got) > 0 {
		t.Errorf("warned of %q", got)
	}
	// A gate that is added later is watched as well.
	v.AddView([]string{"later"})
	for n := range 100 {
		mustVerify(t, v, tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"jti": fmt.Sprint("later", n)})))
	}
	if got := warned(&log); fmt.Sprint(got) != "[later]" {
		t.Errorf("warned of %q", got)
	}
}
