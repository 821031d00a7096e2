package harness

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// host is the gate's name in requests.
const host = "gate.test"

// writeCertificate writes a certificate for the gate, and its key, to tls.pem, unless an
// earlier start has written it.
func writeCertificate(tb testing.TB, dir string) {
	tb.Helper()
	path := filepath.Join(dir, "tls.pem")
	if _, err := os.Stat(path); err == nil {
		return
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	writeFile(tb, path, slices.Concat(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	))
}

// TLSConfig trusts the gate's certificate and offers one protocol (ALPN), such as h2 or h3.
// It is for gates with Config.TLS.
func (g *Gate) TLSConfig(tb testing.TB, protocol string) *tls.Config {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(g.dir, "tls.pem"))
	if err != nil {
		tb.Fatalf("reading the gate's certificate: %v", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		tb.Fatal("reading the gate's certificate: there is none")
	}
	return &tls.Config{RootCAs: roots, ServerName: host, NextProtos: []string{protocol}, MinVersion: tls.VersionTLS12}
}
