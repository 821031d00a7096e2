package keys

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// SetTransport replaces the transport of all fetches. Before Start only.
func (k *Remote) SetTransport(transport http.RoundTripper) {
	k.fetcher.named.Transport, k.fetcher.found.Transport = transport, transport
}

// SetIssuerTransport replaces the transport of fetches from addresses that the operator
// named. Before Start only.
func (k *Remote) SetIssuerTransport(transport http.RoundTripper) {
	k.fetcher.named.Transport = transport
}

// SetDial replaces only how the transports open connections. Before Start only.
func (k *Remote) SetDial(dial func(context.Context, string, string) (net.Conn, error)) {
	k.eachTransport(func(t *http.Transport) { t.DialContext = dial })
}

// Trust adds a certificate authority, and changes nothing else. Before Start only.
func (k *Remote) Trust(certificate *x509.Certificate) {
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	k.eachTransport(func(t *http.Transport) { t.TLSClientConfig = &tls.Config{RootCAs: roots} })
}

// SetProxy replaces the proxies that the environment names. Before Start only.
func (k *Remote) SetProxy(proxy func(*http.Request) (*url.URL, error)) { k.fetcher.proxy = proxy }

func (k *Remote) eachTransport(change func(*http.Transport)) {
	change(k.fetcher.named.Transport.(*http.Transport))
	change(k.fetcher.found.Transport.(*http.Transport))
}

// SetWallClock makes the wall clock differ from the real one. Before Start only.
func (k *Remote) SetWallClock(ahead func() time.Duration) {
	read := k.stopwatch.read
	k.stopwatch.read = func() (wall, monotonic time.Duration) {
		wall, monotonic = read()
		return wall + ahead(), monotonic
	}
}

// Outward reports whether a key set that a document names may be at an address.
func Outward(address string) error { return outward(context.Background(), "tcp", address, nil) }

// OutwardHost reports whether a key set that a document names may be at a host behind a proxy.
func OutwardHost(host string) error { return checkOutwardHost(host) }

// Loggable returns the text of an error as it is logged.
func Loggable(text string) string { return loggable(text) }

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
