package tests

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
	"github.com/sessiongate/sessiongate/tests/harness"
)

const tokenEndpoint = "/oauth/token"

// issuing is a token endpoint behind gates that knows of no revocation: it grants
// whatever it is asked, and any refresh token that it has once handed out is good
// for ever. So what ends a session is the gate.
type issuing struct {
	key *tokentest.Key
	// claims are those of access tokens, beside the token id.
	claims map[string]any
	// signed has refresh tokens be JWTs, with the session of the access token.
	signed bool
	// encode writes an answer. Default: as it is.
	encode func(w http.ResponseWriter, body []byte)

	mu      sync.Mutex
	granted map[string]bool // by refresh token
	asked   int
}

// tokens is an answer of the endpoint.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token,omitempty"`
	Type    string `json:"token_type"`
}

// issueAt has the endpoint answer behind a gate.
func (i *issuing) issueAt(tb testing.TB, g *harness.Gate) {
	i.mu.Lock()
	i.key, i.granted = g.Key, make(map[string]bool)
	i.mu.Unlock()
	g.Upstream.Handle(tokenEndpoint, func(w http.ResponseWriter, r *http.Request) {
		body, ok := i.grant(tb, r)
		if !ok {
			http.Error(w, `{"error":"invalid_grant"}`, http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if i.encode != nil {
			i.encode(w, body)
			return
		}
		_, _ = w.Write(body) // the gate may have gone
	})
}

// grant grants a request, if its refresh token is one that was handed out.
func (i *issuing) grant(tb testing.TB, r *http.Request) (body []byte, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked++
	presented := r.FormValue("refresh_token")
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		var members map[string]string
		_ = json.NewDecoder(r.Body).Decode(&members) // what is no JSON has no members
		presented = members["refresh_token"]
	}
	if presented != "" && !i.granted[presented] {
		return nil, false
	}
	now := time.Now()
	claims := map[string]any{"sid": nil, "jti": rand.Text()}
	for name, value := range i.claims {
		claims[name] = value
	}
	answer := tokens{Type: "Bearer", Access: tokentest.Mint(tb, i.key, tokentest.Claims(now, claims)), Refresh: rand.Text()}
	if i.signed {
		claims["typ"], claims["aud"], claims["exp"] = "Refresh", tokentest.Issuer, now.Add(time.Hour).Unix()
		answer.Refresh = tokentest.Mint(tb, i.key, tokentest.Claims(now, claims))
	}
	i.granted[answer.Refresh] = true
	body, err := json.Marshal(answer)
	return body, err == nil
}

// reached returns how often the endpoint was asked since.
func (i *issuing) reached() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	asked := i.asked
	i.asked = 0
	return asked
}

// ask sends a form to the token endpoint.
func ask(t *testing.T, g *harness.Gate, form url.Values) harness.Answer {
	t.Helper()
	return g.Send(t, "POST", tokenEndpoint, harness.Body("application/x-www-form-urlencoded", form.Encode()))
}

// login gets the first tokens.
func login(t *testing.T, g *harness.Gate) tokens {
	t.Helper()
	return handedOut(t, ask(t, g, url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"p"}}))
}

func refreshing(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
}

// refresh gets further ones.
func refresh(t *testing.T, g *harness.Gate, token string) tokens {
	t.Helper()
	return handedOut(t, ask(t, g, refreshing(token)))
}

// handedOut are the tokens of an answer.
func handedOut(t *testing.T, got harness.Answer) (out tokens) {
	t.Helper()
	if err := json.Unmarshal([]byte(got.Body), &out); got.Status != 200 || err != nil || out.Access == "" {
		t.Fatalf("answer is %d %s, want tokens", got.Status, got.Body)
	}
	return out
}

// invalidGrant is the answer to a token that is revoked (RFC 6749 §5.2).
var invalidGrant = answer{status: 400, body: `{"error":"invalid_grant","error_description":"The token is invalid, expired or revoked."}`}

// checkRefused fails the test unless a refresh token is refused, and does not reach
// the endpoint.
func (i *issuing) checkRefused(t *testing.T, g *harness.Gate, token string) {
	t.Helper()
	i.reached()
	invalidGrant.check(t, ask(t, g, refreshing(token)))
	if n := i.reached(); n != 0 {
		t.Errorf("a revoked refresh token reached the token endpoint")
	}
}
