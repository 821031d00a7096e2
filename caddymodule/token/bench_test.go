package token_test

import (
	"fmt"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

func BenchmarkVerify(b *testing.B) {
	for _, algorithm := range []string{"HS256", "RS256", "PS256", "ES256", "ES384", "EdDSA"} {
		key := tokentest.NewKey(b, algorithm, "")
		claims := tokentest.Claims(now, map[string]any{
			"email": "alice@example.com", "groups": []string{"staff", "admins"}, "scope": "openid profile email",
			"azp": "web", "name": "Alice Example", "preferred_username": "alice", "email_verified": true, "acr": "1",
		})
		raw := tokentest.Mint(b, key, claims)
		b.Run(algorithm+"/cached", func(b *testing.B) {
			v := benchVerifier(b, key)
			for v.CacheUsed() == 0 {
				if _, err := v.Verify(raw, now); err != nil {
					b.Fatal(err)
				}
				v.WaitForCache()
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(raw, now); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(raw)), "token-bytes")
		})
		b.Run(algorithm+"/new", func(b *testing.B) {
			v := benchVerifier(b, key)
			v.Close() // every token is new to a closed cache
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(raw, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerifyManyCached walks over ten thousand cached tokens.
func BenchmarkVerifyManyCached(b *testing.B) {
	key := tokentest.NewKey(b, "HS256", "")
	v := benchVerifier(b, key)
	raws := make([]string, 10_000)
	for i := range raws {
		raws[i] = tokentest.Mint(b, key, tokentest.Claims(now, map[string]any{"sid": fmt.Sprint("session-", i)}))
		if _, err := v.Verify(raws[i], now); err != nil {
			b.Fatal(err)
		}
	}
	v.WaitForCache()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := v.Verify(raws[i%len(raws)], now); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(float64(len(v.Cached())), "cached")
}

func benchVerifier(b *testing.B, key *tokentest.Key) *token.Verifier {
	b.Helper()
	v := verifierFor(b, sourceFor(b, key), func(o *token.Options) { o.CacheBytes = token.DefaultCacheBytes })
	v.AddView([]string{"email", "groups"})
	return v
}

func BenchmarkView(b *testing.B) {
	v, key := hmacVerifier(b)
	index := v.AddView([]string{"email", "groups"})
	verified := mustVerify(b, v, tokentest.Mint(b, key, tokentest.Claims(now, map[string]any{"email": "a@example.com"})))
	b.ReportAllocs()
	for b.Loop() {
		if value, ok := verified.View(index)("http.auth.user.email"); !ok || value == nil {
			b.Fatal("not found")
		}
	}
}
