// Package granttest helps to test code in front of a token endpoint. It has an upstream
// with such an endpoint behind a gate, over real HTTP, and clients that request tokens.
package granttest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
)

const (
	// Path is the path of the token endpoint.
	Path = "/oauth/token"
	// FormMedia is the media type of a form.
	FormMedia = "application/x-www-form-urlencoded"
)

// Upstream is a token endpoint behind a gate. Its methods may be called concurrently.
type Upstream struct {
	url string

	mu      sync.Mutex
	reached []Reached
	answer  http.HandlerFunc
}

// Reached is a request as the token endpoint got it.
type Reached struct {
	*http.Request
	// Text is its body.
	Text string
}

// New returns a token endpoint behind a gate. The gate serves a request in front of next.
// The endpoint issues nothing before Hands or Answers is called. It is closed with the
// test.
func New(tb testing.TB, gate func(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) error) *Upstream {
	tb.Helper()
	u := new(Upstream)
	u.Hands(nil)
	next := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			tb.Errorf("reading the body: %v", err)
		}
		u.mu.Lock()
		u.reached = append(u.reached, Reached{r, string(body)})
		answer := u.answer
		u.mu.Unlock()
		answer(w, r)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := gate(w, r, next); err != nil {
			tb.Errorf("ServeHTTP: %v", err)
		}
	}))
	tb.Cleanup(server.Close)
	u.url = server.URL
	return u
}

// URL is the address of the gate.
func (u *Upstream) URL() string { return u.url }

// Answers makes the token endpoint answer with a handler.
func (u *Upstream) Answers(answer http.HandlerFunc) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answer = answer
}

// Hands makes the token endpoint issue these tokens.
func (u *Upstream) Hands(tokens map[string]any) {
	u.Answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(tokens) // the client may be gone
	})
}

// Take returns the requests that reached the token endpoint since the last call of Take.
func (u *Upstream) Take() []Reached {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.reached
	u.reached = nil
	return taken
}

// WantTaken fails the test unless so many requests reached the token endpoint since the last
// Take.
func (u *Upstream) WantTaken(tb testing.TB, want int) {
	tb.Helper()
	if got := len(u.Take()); got != want {
		tb.Errorf("%d requests reached the token endpoint, want %d", got, want)
	}
}

// Answer is an answer of the gate.
type Answer struct {
	*http.Response
	// Text is its body.
	Text string
}

// Send sends a request to the gate, with header fields by name and value.
func (u *Upstream) Send(tb testing.TB, method, target, contentType, body string, fields ...string) Answer {
	tb.Helper()
	r, err := http.NewRequest(method, u.url+target, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	// If a client announced the end of its connection, net/http's server would reset the
	// connection while the client sends a body that is refused unread.
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return Answer{response, string(content)}
}

// Grant requests tokens with parameters by name and value. The endpoint issues the given
// tokens.
func (u *Upstream) Grant(tb testing.TB, tokens map[string]any, parameters ...string) Answer {
	tb.Helper()
	u.Hands(tokens)
	form := make(url.Values)
	for i := 0; i < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	return u.Send(tb, http.MethodPost, Path, FormMedia, form.Encode())
}

// Login makes the token endpoint issue tokens for a password.
func (u *Upstream) Login(tb testing.TB, tokens map[string]any) {
	tb.Helper()
	u.Grant(tb, tokens, "grant_type", "password", "username", "a", "password", "b").Want(tb, http.StatusOK, "{")
	u.Take()
}

// Refresh presents a refresh token. The endpoint issues the given tokens.
func (u *Upstream) Refresh(tb testing.TB, token string, tokens map[string]any) Answer {
	tb.Helper()
	return u.Grant(tb, tokens, "grant_type", "refresh_token", "refresh_token", token)
}

// WantRefused fails the test unless a refresh token is refused before it goes upstream.
func (u *Upstream) WantRefused(tb testing.TB, token string) {
	tb.Helper()
	u.Refresh(tb, token, nil).WantInvalidGrant(tb)
	u.WantTaken(tb, 0)
}

// WantRefreshed fails the test unless a refresh token goes upstream, and the client gets
// the tokens.
func (u *Upstream) WantRefreshed(tb testing.TB, token string, tokens map[string]any) {
	tb.Helper()
	u.Refresh(tb, token, tokens).Want(tb, http.StatusOK, "{")
	u.WantTaken(tb, 1)
}

// Want fails the test unless the answer has a status, and a body that holds a text.
func (a Answer) Want(tb testing.TB, status int, text string) {
	tb.Helper()
	if a.StatusCode != status || !strings.Contains(a.Text, text) {
		tb.Errorf("answered %d %s, want %d with %s", a.StatusCode, a.Text, status, text)
	}
}

// WantInvalidGrant fails the test unless the answer is the one to a revoked token.
func (a Answer) WantInvalidGrant(tb testing.TB) {
	tb.Helper()
	const want = `{"error":"invalid_grant","error_description":"The token is invalid, expired or revoked."}`
	if a.StatusCode != http.StatusBadRequest || a.Text != want || a.Header.Get("Cache-Control") != "no-store" ||
		a.Header.Get("Pragma") != "no-cache" || a.Header.Get("Content-Type") != "application/json" {
		tb.Errorf("answered %d %s %v, want 400 invalid_grant", a.StatusCode, a.Text, a.Header)
	}
}

// Hand returns the token answer with an access token and a refresh token.
func Hand(access, refresh string) map[string]any {
	return map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "refresh_token": refresh}
}

// ThreeTokens returns a form with three opaque tokens of a size, in which a decoder of base64
// finds padding and parts.
func ThreeTokens(size int) string {
	token := strings.Repeat("aB3-", size/8) + "=b." + strings.Repeat("aB3-", size/8) + "=d"
	return "refresh_token=r" + token + "&subject_token=s" + token + "&actor_token=a" + token
}
