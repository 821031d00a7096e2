// Package issuing holds a token endpoint for black-box tests, and clients that request
// tokens from it through a gate. It knows no revocation.
package issuing

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Path is the path of the endpoint at the upstream.
const Path = "/oauth/token"

// Endpoint is a token endpoint behind gates. It knows no revocation: it grants every
// request, and any refresh token that it has issued stays valid for ever. So only the gate
// ends a session.
type Endpoint struct {
	key *tokentest.Key
	// Claims are the claims of access tokens, beside the token id.
	Claims map[string]any
	// Signed makes refresh tokens JWTs, with the session of the access token.
	Signed bool
	// Encode writes an answer. Default: unchanged.
	Encode func(w http.ResponseWriter, body []byte)

	mu      sync.Mutex
	granted map[string]bool // by refresh token
	asked   int
}

// Tokens is an answer of the endpoint.
type Tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token,omitempty"`
	Type    string `json:"token_type"`
}

// ServeAt makes the endpoint answer behind a gate.
func (i *Endpoint) ServeAt(tb testing.TB, g *harness.Gate) {
	i.mu.Lock()
	i.key, i.granted = g.Key, make(map[string]bool)
	i.mu.Unlock()
	g.Upstream.Handle(Path, func(w http.ResponseWriter, r *http.Request) {
		body, ok := i.grant(tb, r)
		if !ok {
			http.Error(w, `{"error":"invalid_grant"}`, http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if i.Encode != nil {
			i.Encode(w, body)
			return
		}
		_, _ = w.Write(body) // the gate may have gone
	})
}

// SetClaims changes the claims of access tokens, also while the endpoint answers.
func (i *Endpoint) SetClaims(claims map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.Claims = claims
}

// grant grants a request, if its refresh token is one that was handed out.
func (i *Endpoint) grant(tb testing.TB, r *http.Request) (body []byte, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked++
	presented := r.FormValue("refresh_token")
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		var members map[string]string
		_ = json.NewDecoder(r.Body).Decode(&members) // a body that is no JSON has no members
		presented = members["refresh_token"]
	}
	if presented != "" && !i.granted[presented] {
		return nil, false
	}
	now := time.Now()
	claims := map[string]any{"sid": nil, "jti": rand.Text()}
	for name, value := range i.Claims {
		claims[name] = value
	}
	answer := Tokens{Type: "Bearer", Access: tokentest.Mint(tb, i.key, tokentest.Claims(now, claims)), Refresh: rand.Text()}
	if i.Signed {
		claims["typ"], claims["aud"], claims["exp"] = "Refresh", tokentest.Issuer, now.Add(time.Hour).Unix()
		answer.Refresh = tokentest.Mint(tb, i.key, tokentest.Claims(now, claims))
	}
	i.granted[answer.Refresh] = true
	body, err := json.Marshal(answer)
	return body, err == nil
}

// Reached returns how many requests reached the endpoint since its last call.
func (i *Endpoint) Reached() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	asked := i.asked
	i.asked = 0
	return asked
}

// Ask sends a form to the token endpoint.
func Ask(t *testing.T, g *harness.Gate, form url.Values) harness.Answer {
	t.Helper()
	return g.Send(t, "POST", Path, harness.Body("application/x-www-form-urlencoded", form.Encode()))
}

// Login returns the first tokens.
func Login(t *testing.T, g *harness.Gate) Tokens {
	t.Helper()
	return HandedOut(t, Ask(t, g, url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"p"}}))
}

// Refreshing returns the form of a refresh.
func Refreshing(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
}

// Refresh returns further tokens.
func Refresh(t *testing.T, g *harness.Gate, token string) Tokens {
	t.Helper()
	return HandedOut(t, Ask(t, g, Refreshing(token)))
}

// HandedOut returns the tokens of an answer.
func HandedOut(t *testing.T, got harness.Answer) (out Tokens) {
	t.Helper()
	if err := json.Unmarshal([]byte(got.Body), &out); got.Status != 200 || err != nil || out.Access == "" {
		t.Fatalf("answer is %d %s, want tokens", got.Status, got.Body)
	}
	return out
}

// InvalidGrant is the answer to a revoked token (RFC 6749 §5.2).
var InvalidGrant = answers.Answer{Status: 400, Body: `{"error":"invalid_grant","error_description":"The token is invalid, expired or revoked."}`}

// CheckRefused fails the test unless a refresh token is refused, and does not reach
// the endpoint.
func (i *Endpoint) CheckRefused(t *testing.T, g *harness.Gate, token string) {
	t.Helper()
	i.Reached()
	InvalidGrant.Check(t, Ask(t, g, Refreshing(token)))
	if n := i.Reached(); n != 0 {
		t.Errorf("a revoked refresh token reached the token endpoint")
	}
}
