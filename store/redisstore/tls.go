package redisstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
)

// TLS says how to verify Redis and how to identify to it. The files are read when the
// store is opened and again for every new connection, so that a renewed certificate is
// used without a restart.
type TLS struct {
	// CA are PEM files of the authorities that may sign the server's certificate.
	// Default: the system's.
	CA []string
	// Certificate and Key are PEM files that identify this gate; both or none.
	Certificate, Key string
	// ServerName is the name in the server's certificate. Default: the host of
	// the address.
	ServerName string
}

// String names the files, which are no secrets.
func (t *TLS) String() string {
	if t == nil {
		return ""
	}
	return fmt.Sprintf("ca %q certificate %q key %q server name %q", t.CA, t.Certificate, t.Key, t.ServerName)
}

func (t *TLS) validate() error {
	if t != nil && (t.Certificate == "") != (t.Key == "") {
		return fmt.Errorf("checking redis TLS: a client certificate needs its key, and a key its certificate")
	}
	return nil
}

// load reads the files. An authority file without a certificate is an error: an empty
// pool would otherwise mean the system's authorities.
func (t *TLS) load() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	for _, path := range t.CA {
		pem, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading redis TLS authority: %w", err)
		}
		if config.RootCAs == nil {
			config.RootCAs = x509.NewCertPool()
		}
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading redis TLS authority: %q holds no PEM certificate", path)
		}
	}
	if t.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(t.Certificate, t.Key)
		if err != nil {
			return nil, fmt.Errorf("reading redis TLS client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// dialer returns how connections are made: within dialTimeout and within ctx, the TLS
// handshake included. The network is fixed. go-redis chooses the address, because a
// Cluster and sentinels name further ones.
func (t target) dialer() func(ctx context.Context, network, address string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		if t.tls == nil {
			return plain.DialContext(ctx, t.network, address)
		}
		config, err := t.tls.load()
		if err != nil {
			return nil, err
		}
		secure := &tls.Dialer{NetDialer: plain, Config: config}
		return secure.DialContext(ctx, t.network, address)
	}
}
