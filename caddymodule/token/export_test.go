package token

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// SetHash replaces the hash of the cache, to make tokens collide.
func (v *Verifier) SetHash(hash func(raw string) uint64) { v.cache.hash = hash }

// WaitForCache returns when what was offered to the cache so far is decided.
func (v *Verifier) WaitForCache() { v.cache.tokens.Wait() }

// CacheUsed is the cost of what the cache holds, in bytes.
func (v *Verifier) CacheUsed() int64 {
	return v.cache.tokens.MaxCost() - v.cache.tokens.RemainingCost()
}

// Cached returns the verified tokens that the cache holds.
func (v *Verifier) Cached() (cached []*Verified) {
	v.cache.tokens.IterValues(func(t *Verified) (stop bool) {
		cached = append(cached, t)
		return false
	})
	return cached
}

// Size is what the cache takes the token to cost.
func (t *Verified) Size() int64 { return t.size() }

// Cache offers the token to the cache once more.
func (v *Verifier) Cache(t *Verified, now int64) { v.cache.set(v.cache.hash(t.raw), t, now) }

// SetTransport replaces the transport of all fetches. Before Start only.
func (k *RemoteKeys) SetTransport(transport http.RoundTripper) {
	k.fetcher.named.Transport, k.fetcher.found.Transport = transport, transport
}

// SetIssuerTransport replaces the transport of fetches from what the operator
// named. Before Start only.
func (k *RemoteKeys) SetIssuerTransport(transport http.RoundTripper) {
	k.fetcher.named.Transport = transport
}

// SetDial replaces how connections are made, and nothing else of the
// transports. Before Start only.
func (k *RemoteKeys) SetDial(dial func(context.Context, string, string) (net.Conn, error)) {
	k.eachTransport(func(t *http.Transport) { t.DialContext = dial })
}

// Trust adds an authority, and changes nothing else. Before Start only.
func (k *RemoteKeys) Trust(certificate *x509.Certificate) {
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	k.eachTransport(func(t *http.Transport) { t.TLSClientConfig = &tls.Config{RootCAs: roots} })
}

func (k *RemoteKeys) eachTransport(change func(*http.Transport)) {
	change(k.fetcher.named.Transport.(*http.Transport))
	change(k.fetcher.found.Transport.(*http.Transport))
}

// SetWallClock makes the wall clock differ from the real one. Before Start only.
func (k *RemoteKeys) SetWallClock(ahead func() time.Duration) {
	read := k.stopwatch.read
	k.stopwatch.read = func() (wall, monotonic time.Duration) {
		wall, monotonic = read()
		return wall + ahead(), monotonic
	}
}

// Outward reports whether a key set that a document names may be at an address.
func Outward(address string) error { return outward(context.Background(), "tcp", address, nil) }

// Loggable is the text of an error as it is logged.
func Loggable(text string) string { return loggable(text) }

// WaitForSweep returns when the sweeps that began have ended.
func (v *Verifier) WaitForSweep() { v.cache.sweeps.Wait() }

// WithRaw returns a token of the same claims and another text.
func (t *Verified) WithRaw(raw string) *Verified {
	return &Verified{
		Issuer: t.Issuer, Subject: t.Subject, SessionID: t.SessionID, TokenID: t.TokenID,
		claims: t.claims, scopes: t.scopes, views: t.views, raw: raw, keys: t.keys,
	}
}

// Raw is the text of the token.
func (t *Verified) Raw() string { return t.raw }

// ParseKeySet returns how many keys of a set are usable.
func ParseKeySet(document []byte) (usable int, err error) {
	set, err := parseJWKS(document)
	return len(set.keys), err
}

// countedMethod counts the signatures that a method verifies.
type countedMethod struct {
	jwt.SigningMethod
	count *atomic.Int64
}

// Verify implements jwt.SigningMethod.
func (m countedMethod) Verify(signed string, signature []byte, key any) error {
	m.count.Add(1)
	return m.SigningMethod.Verify(signed, signature, key)
}

// CountSignatures counts the signatures that are verified until the test ends. It
// is not for tests that run in parallel.
func CountSignatures(t testing.TB) (count func() int64) {
	var n atomic.Int64
	for _, a := range algorithms {
		method := a.method
		a.method = countedMethod{method, &n}
		t.Cleanup(func() { a.method = method })
	}
	return n.Load
}

// Parts are the parts of a token whose signature may be verified.
type Parts struct {
	Header, Payload, Signature []byte
	Signed, Algorithm, KeyID   string
}

// Parse does what can be done without a key.
func Parse(raw string) (Parts, error) {
	j, err := parseJWS(raw, accessTokenTypes)
	if err != nil {
		return Parts{}, err
	}
	if err := j.header.checkNames(); err != nil {
		return Parts{}, err
	}
	parsed := Parts{Signed: j.signed, Algorithm: j.header.algorithm, KeyID: j.header.keyID}
	header, _, _ := strings.Cut(j.signed, ".")
	for _, part := range []struct {
		encoded string
		decoded *[]byte
	}{{header, &parsed.Header}, {j.payload, &parsed.Payload}, {j.signature, &parsed.Signature}} {
		if *part.decoded, err = decode("part", part.encoded); err != nil {
			return Parts{}, err
		}
	}
	return parsed, nil
}
