package tokentest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// The paths of an Endpoint.
const (
	KeySetPath    = "/jwks.json"
	DiscoveryPath = "/.well-known/openid-configuration"
)

// Endpoint is an issuer's key set and its discovery document. It is an
// http.Handler, and a http.RoundTripper that answers without a network, for
// tests in a synctest bubble. Its methods may be called concurrently.
type Endpoint struct {
	mu      sync.Mutex
	keys    []map[string]any
	issuer  string
	behave  http.HandlerFunc
	fetches map[string]int
}

// NewEndpoint returns an endpoint that publishes these keys.
func NewEndpoint(t testing.TB, keys ...*Key) *Endpoint {
	t.Helper()
	e := &Endpoint{fetches: make(map[string]int)}
	e.Publish(t, keys...)
	return e
}

// Serve serves the endpoint on the loopback interface until the test ends. The
// URL it returns is also the `issuer` of the discovery document.
func (e *Endpoint) Serve(t testing.TB) (url string) {
	t.Helper()
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	e.SetIssuer(server.URL)
	return server.URL
}

// Publish replaces the keys.
func (e *Endpoint) Publish(t testing.TB, keys ...*Key) {
	t.Helper()
	jwks := make([]map[string]any, len(keys))
	for i, key := range keys {
		jwks[i] = key.JWK(t)
	}
	e.PublishJWKs(jwks...)
}

// PublishJWKs replaces the keys by JSON Web Keys of the test's own making.
func (e *Endpoint) PublishJWKs(keys ...map[string]any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.keys = keys
}

// SetIssuer sets the `issuer` of the discovery document and the base of its
// `jwks_uri`.
func (e *Endpoint) SetIssuer(issuer string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.issuer = issuer
}

// Behave makes the test's own handler answer all requests; nil returns to publishing.
func (e *Endpoint) Behave(handler http.HandlerFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.behave = handler
}

// Fetches returns how often a path was requested.
func (e *Endpoint) Fetches(path string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.fetches[path]
}

// ServeHTTP implements http.Handler.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	e.fetches[r.URL.Path]++
	behave := e.behave
	documents := map[string]any{
		KeySetPath:    map[string]any{"keys": e.keys},
		DiscoveryPath: map[string]any{"issuer": e.issuer, "jwks_uri": e.issuer + KeySetPath},
	}
	e.mu.Unlock()
	if behave != nil {
		behave(w, r)
		return
	}
	document, ok := documents[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(document) // the client may be gone
}

// RoundTrip implements http.RoundTripper. A handler that outlasts the request's
// context is an error, as it is over a network.
func (e *Endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	e.ServeHTTP(recorder, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	response := recorder.Result()
	response.Request = r
	return response, nil
}
