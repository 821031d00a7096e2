package caddymodule

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// largest is how many decoded bytes one part of a token may hold.
const largest = 5900

// forged returns a token without a valid signature.
func forged(header, payload string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(header)) + "." + part([]byte(payload)) + "." + part(make([]byte, 64))
}

// crowded returns an object with these members and as many others as fit into a token.
func crowded(members string) string {
	var object strings.Builder
	object.WriteString("{" + members)
	for i := 0; object.Len() < largest; i++ {
		fmt.Fprintf(&object, `,"%x":0`, i)
	}
	return object.String() + "}"
}

// refusedToken is a credential that is refused before its signature is verified.
type refusedToken struct{ name, token string }

// refusedTokens returns credentials that anybody can send to a gate with keys for ES256: of the
// usual size, and as large and as expensive as possible.
func refusedTokens() []refusedToken {
	const header, ours = `{"alg":"ES256","typ":"JWT"}`, `{"iss":"` + tokentest.Issuer + `","aud":"` + tokentest.Audience + `"}`
	filler, brackets := strings.Repeat("x", largest-40), strings.Repeat("[", largest-40)
	return []refusedToken{
		{"no-token", ""},
		{"broken", "a*b"},
		{"unknown-issuer", forged(header, `{"iss":"https://other.example"}`)},
		{"wrong-alg", forged(`{"alg":"HS256"}`, ours)},
		{"alg-none", forged(`{"alg":"none"}`, ours)},
		{"large/dots", strings.Repeat(".", 8<<10)},
		{"large/over-8-KiB", strings.Repeat("x", 8<<10+1)},
		{"large/unknown-issuer", forged(header, `{"iss":"x","x":"`+filler+`"}`)},
		{"large/wrong-alg", forged(`{"alg":"HS256"}`, `{"x":"`+filler+`"}`)},
		{"large/deep-header", forged(`{"alg":`+brackets, `{}`)},
		{"large/deep-payload", forged(header, `{"iss":`+brackets)},
		{"large/members-of-header", forged(crowded(`"alg":"ES256"`), `{}`)},
		{"large/members-of-payload", forged(header, crowded(`"iss":"x"`))},
		{"large/escapes", forged(header, `{"iss":"`+strings.Repeat(`\u0061`, (largest-40)/6)+`"}`)},
		{"large/number", forged(header, `{"iss":"x","exp":`+strings.Repeat("9", largest-40)+`}`)},
	}
}

// BenchmarkRefused measures a request that the handler refuses before it verifies a
// signature. For comparison it measures a request that is admitted with a cached token, and
// a request with a forged signature.
func BenchmarkRefused(b *testing.B) {
	g, good := cached(b, "ES256", everythingOn())
	b.Run("admitted", func(b *testing.B) { runWarm(b, g, good) })
	for _, refused := range refusedTokens() {
		b.Run(refused.name, func(b *testing.B) { runRefused(b, g, refused.token) })
	}
	b.Run("revoked", func(b *testing.B) {
		g, revoked := cached(b, "ES256", everythingOn())
		if ended := g.end(b, revoked, ""); ended.Code != http.StatusOK {
			b.Fatalf("answered %d", ended.Code)
		}
		runRefused(b, g, revoked)
	})
	b.Run("expired", func(b *testing.B) { runRefused(b, g, expired(b, g)) })
	b.Run("unknown-kid", func(b *testing.B) {
		g := newRemoteGate(b)
		runRefused(b, g, forged(`{"alg":"ES256","kid":"x"}`, `{"iss":"`+g.app.Issuer[0].Issuer+`"}`))
	})
	b.Run("forged-signature", func(b *testing.B) {
		other := g.mint(b, map[string]any{"jti": "another"})
		runRefused(b, g, good[:strings.LastIndex(good, ".")]+other[strings.LastIndex(other, "."):])
	})
}

// expired returns a token that has expired after the cache stored it.
func expired(b *testing.B, g *gateTest) string {
	b.Helper()
	leeway := time.Duration(*g.app.Leeway)
	claims := fullClaims()
	claims["iat"], claims["exp"] = time.Now().Unix()-300, time.Now().Add(2*time.Second-leeway).Unix()
	token := g.mint(b, claims)
	awaitCached(b, g, token)
	for limit := time.Now().Add(5 * time.Second); time.Now().Before(limit); time.Sleep(10 * time.Millisecond) {
		if _, err := g.app.verifier.Verify(token, time.Now()); err != nil {
			return token
		}
	}
	b.Fatal("the token does not expire")
	return ""
}

// newRemoteGate returns a gate whose issuer publishes a key.
func newRemoteGate(b *testing.B) *gateTest {
	b.Helper()
	test := &gateTest{key: tokentest.NewKey(b, "ES256", "key-1"), gate: &Gate{}}
	issuer := tokentest.NewEndpoint(b, test.key).Serve(b)
	test.app = provisionApp(b, &App{
		Issuer:   []*Issuer{{Issuer: issuer, JWKS: URLs{issuer + tokentest.KeySetPath}, Audience: []string{tokentest.Audience}}},
		StoreRaw: json.RawMessage(`{"store": "memory"}`),
	})
	if err := test.gate.provision(test.app, slog.New(slog.DiscardHandler)); err != nil {
		b.Fatal(err)
	}
	if err := test.app.Start(); err != nil {
		b.Fatal(err)
	}
	awaitVerified(b, test, test.mint(b, map[string]any{"iss": issuer}))
	return test
}

// awaitVerified waits until the keys for a token are loaded.
func awaitVerified(b *testing.B, g *gateTest, token string) {
	b.Helper()
	for limit := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		_, err := g.app.verifier.Verify(token, time.Now())
		if err == nil {
			return
		}
		if time.Now().After(limit) {
			b.Fatal(err)
		}
	}
}

// nowhere is a response writer that discards the answer.
type nowhere struct{ header http.Header }

func (w nowhere) Header() http.Header         { return w.header }
func (w nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w nowhere) WriteHeader(int)             {}

// runRefused measures ServeHTTP with one request. A refusal changes only the request's
// replacer.
func runRefused(b *testing.B, g *gateTest, token string) {
	b.Helper()
	b.ReportAllocs()
	r := httptest.NewRequest(http.MethodGet, "/orders/17?page=2", nil)
	for field, value := range apiClient {
		r.Header.Set(field, value)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r, replacer := prepare(nil, r)
	pristine := *replacer
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		b.Fatal("admitted")
		return nil
	})
	w := nowhere{http.Header{}}
	for b.Loop() {
		*replacer = pristine
		_ = g.gate.ServeHTTP(w, r, next)
	}
}

// BenchmarkForwarded measures the longest addresses that a trusted proxy can name in a
// request without a token.
func BenchmarkForwarded(b *testing.B) {
	g := newGate(b, "HS256", Gate{TokenEndpoint: tokenEndpoints("/oauth/token"), SessionsEndpoint: "/v1/auth/sessions", BackchannelLogout: "/logout"})
	for _, size := range []int{2 << 10, 14 << 10} {
		for name, value := range map[string]string{
			"lists":       strings.Repeat("/,", size/2),
			"backslashes": strings.Repeat(`\`, size),
			"dots":        "/a,b" + strings.Repeat("/..", size/3),
			"segments":    "/a,b" + strings.Repeat("/a;", size/3),
		} {
			b.Run(fmt.Sprintf("%s/%d-KiB", name, size>>10), func(b *testing.B) {
				r := request(http.MethodDelete, "/x", "", "")
				r.Header.Set("X-Original-Url", value)
				b.ReportAllocs()
				for b.Loop() {
					serveFrom(b, g, true, r)
				}
			})
		}
	}
}

// BenchmarkCookie measures the longest Cookie fields of a request with its token in a
// cookie. Four times the length has to take four times as long.
func BenchmarkCookie(b *testing.B) {
	for _, size := range []int{2 << 10, 8 << 10, 32 << 10} {
		for name, pairs := range map[string]string{
			"letters": strings.Repeat("d=", size/2),
			"pluses":  strings.Repeat("+=", size/2),
			"escapes": strings.Repeat("%64=", size/4),
			"blanks":  strings.Repeat("+", size/2) + strings.Repeat("d=", size/4),
			"cuts":    strings.Repeat(" ", size/2) + strings.Repeat(" =", size/4),
			"words":   strings.Repeat("si,d=", size/5),
			"pairs":   strings.Repeat("si.d=;", size/6),
		} {
			b.Run(fmt.Sprintf("%s/%d-KiB", name, size>>10), func(b *testing.B) {
				b.ReportAllocs()
				e, r := credential.NewExtractor(credential.Places{Cookie: "sid"}), httptest.NewRequest(http.MethodGet, "/", nil)
				r.Header["Cookie"] = []string{"sid=x", pairs}
				for b.Loop() {
					if _, _, err := e.Extract(r); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
