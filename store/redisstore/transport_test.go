package redisstore_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

func TestUnixSocket(t *testing.T) {
	server := redistest.Start(t, redistest.Socket())
	s := openAt(t, server)
	position := mustAppend(t, s, "one")
	if batch := mustRead(t, s, store.Position{}); batch.Head != position {
		t.Errorf("read %+v, want the entry at %v", batch, position)
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, dir, "ca")
	other := newAuthority(t, dir, "other")
	certificate, key := ca.issue(t, dir, "server")
	client, clientKey := ca.issue(t, dir, "client")
	stranger, strangerKey := other.issue(t, dir, "stranger")
	server := redistest.Start(t, redistest.TLS(certificate, key, ca.path))
	address := []string{server.TLSAddr()}
	s := open(t, options{Addresses: address, TLS: &redisstore.TLS{CA: []string{ca.path}, Certificate: client, Key: clientKey}})
	mustRead(t, s, mustAppend(t, s, "one"))

	_, port, _ := net.SplitHostPort(server.TLSAddr())
	s = open(t, options{Addresses: []string{"rediss://127.0.0.1:" + port}, TLS: &redisstore.TLS{
		CA: []string{other.path, ca.path}, Certificate: client, Key: clientKey, ServerName: "redis.example",
	}})
	mustAppend(t, s, "two")

	for name, refused := range map[string]redisstore.TLS{
		// Attack: a host on the path presents its own certificate.
		"an authority that did not sign": {CA: []string{other.path}, Certificate: client, Key: clientKey},
		"the system's authorities":       {Certificate: client, Key: clientKey},
		"another server's name":          {CA: []string{ca.path}, Certificate: client, Key: clientKey, ServerName: "other.example"},
		"no client certificate":          {CA: []string{ca.path}},
		"a stranger's certificate":       {CA: []string{ca.path}, Certificate: stranger, Key: strangerKey},
	} {
		if _, err := open(t, options{Addresses: address, TLS: &refused}).Append(t.Context(), revocation("x")); err == nil {
			t.Errorf("%s: Append succeeded", name)
		}
	}
	for name, broken := range map[string]redisstore.TLS{
		"a file that is not there":    {CA: []string{filepath.Join(dir, "none")}},
		"a file without certificates": {CA: []string{key}},
		"a key of another":            {Certificate: client, Key: strangerKey},
	} {
		o := options{Addresses: address, Namespace: "n", TLS: &broken}
		if err := o.Validate(); err != nil {
			t.Errorf("%s: Validate read a file: %v", name, err)
		}
		if _, err := redisstore.Open(o); err == nil {
			t.Errorf("%s: Open accepts it", name)
		}
	}
}

// Fault: a certificate is renewed. The next connection uses it.
func TestTLSRenewal(t *testing.T) {
	dir := t.TempDir()
	ca, other := newAuthority(t, dir, "ca"), newAuthority(t, dir, "other")
	certificate, key := ca.issue(t, dir, "server")
	server := redistest.Start(t, redistest.TLS(certificate, key, ""))
	bundle := filepath.Join(dir, "bundle.pem")
	copyFile(t, other.path, bundle)
	s := open(t, options{Addresses: []string{server.TLSAddr()}, TLS: &redisstore.TLS{CA: []string{bundle}}})
	if _, err := s.Append(t.Context(), revocation("one")); err == nil {
		t.Fatal("an unknown authority was accepted")
	}
	copyFile(t, ca.path, bundle)
	eventually(t, "the new authority", func() error {
		_, err := s.Append(t.Context(), revocation("one"))
		return err
	})
}

type authority struct {
	path        string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, dir, name string) authority {
	t.Helper()
	a := authority{path: filepath.Join(dir, name+".pem")}
	a.key, _ = writeKey(t, dir, name)
	a.certificate = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.sign(t, a.certificate, a.key, a.path)
	return a
}

// issue writes a certificate for loopback and redis.example, good for servers
// and clients.
func (a authority) issue(t *testing.T, dir, name string) (certificate, key string) {
	t.Helper()
	private, key := writeKey(t, dir, name)
	certificate = filepath.Join(dir, name+".pem")
	a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"redis.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, private, certificate)
	return certificate, key
}

func (a authority) sign(t *testing.T, certificate *x509.Certificate, key *ecdsa.PrivateKey, path string) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, certificate, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, path, "CERTIFICATE", der)
}

func writeKey(t *testing.T, dir, name string) (*ecdsa.PrivateKey, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name+"-key.pem")
	writePEM(t, path, "PRIVATE KEY", der)
	return key, path
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
