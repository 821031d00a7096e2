package caddymodule

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/config"
	"github.com/sessiongate/sessiongate/caddymodule/keys"
)

// keyPool keeps the key sets that are loaded from a URL. A reload of the configuration
// continues with the keys that are already loaded.
var keyPool = caddy.NewUsagePool()

// pooledKeys is a reference to a key set in keyPool.
type pooledKeys struct {
	poolKey string
	keys    *remoteKeys
	logger  *slog.Logger // that of start, nil before
}

// remoteKeys closes its key set when the last reference is released.
type remoteKeys struct {
	*keys.Remote
	log *handover
}

// Destruct implements caddy.Destructor.
func (k *remoteKeys) Destruct() error {
	k.Close()
	return nil
}

// start begins to load the keys, if that has not begun, and uses this logger from now on.
func (p *pooledKeys) start(logger *slog.Logger) {
	p.logger = logger
	p.keys.log.to(logger)
	p.keys.Start()
}

// release gives the reference back, and the logger of start.
func (p *pooledKeys) release() error {
	p.keys.log.leave(p.logger)
	_, err := keyPool.Delete(p.poolKey)
	return err
}

// URLs are one or more URLs. A single one may be a string in JSON.
type URLs []string

// MarshalJSON writes a single URL as a string.
func (u URLs) MarshalJSON() ([]byte, error) {
	if len(u) == 1 {
		return json.Marshal(u[0])
	}
	return json.Marshal([]string(u))
}

// UnmarshalJSON reads a string or a list of strings.
func (u *URLs) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*u = nil
		if one != "" {
			*u = URLs{one}
		}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(u))
}

// resolveKeys replaces the placeholders of the sources of keys. field returns the name of a
// field for an error.
func (i *Issuer) resolveKeys(field func(name string) string) error {
	for _, files := range []struct {
		name  string
		paths []string
	}{{"jwks_file", i.JWKSFile}, {"public_key", i.PublicKey}} {
		for n := range files.paths {
			if err := config.ResolveFile(field(files.name), &files.paths[n]); err != nil {
				return err
			}
		}
	}
	if err := config.ResolveFile(field("tls_ca"), &i.TLSCA); err != nil {
		return err
	}
	if err := config.ResolveAll(field("hmac_secret"), i.HMACSecret); err != nil {
		return err
	}
	return config.ResolveAll(field("jwks"), i.JWKS)
}

// source returns the configured sources of keys as one. The sources that find keys by `kid`
// come first.
//
// Invariant 3: only the configuration says where keys come from. A missing or unreadable
// source is an error, and never leaves an issuer without keys.
func (i *Issuer) source(logger *slog.Logger) (keys.Source, []*pooledKeys, error) {
	sources, pooled, err := i.remotes(logger)
	if err != nil {
		return nil, pooled, err
	}
	for _, path := range i.JWKSFile {
		source, err := readKeySet(path, logger)
		if err != nil {
			return nil, pooled, err
		}
		sources = append(sources, source)
	}
	if len(i.PublicKey) > 0 {
		source, err := readPublicKeys(i.PublicKey)
		if err != nil {
			return nil, pooled, err
		}
		sources = append(sources, source)
	}
	if len(i.HMACSecret) > 0 {
		source, err := i.secrets()
		if err != nil {
			return nil, pooled, err
		}
		sources = append(sources, source)
	}
	if i.KeysOptional && len(pooled) == 0 {
		return nil, nil, errors.New("keys_optional without jwks or discover; the other keys are read with the configuration, so nothing waits for them: leave it out")
	}
	if len(sources) == 0 {
		return nil, nil, errors.New("no source of keys; name one or more of: jwks, discover, jwks_file, public_key, hmac_secret")
	}
	return keys.Join(sources...), pooled, nil
}

func (i *Issuer) secrets() (keys.Source, error) {
	secrets := make([][]byte, len(i.HMACSecret))
	for n, secret := range i.HMACSecret {
		secrets[n] = []byte(secret)
	}
	return keys.NewHMAC(secrets...)
}

func readPublicKeys(paths []string) (keys.Source, error) {
	files := make([][]byte, len(paths))
	for n, path := range paths {
		var err error
		if files[n], err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("reading public key: %w", err)
		}
	}
	return keys.NewPEM(files...)
}

func readKeySet(path string, logger *slog.Logger) (keys.Source, error) {
	document, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading jwks_file: %w; is it mounted, and may the gate read it?", err)
	}
	source, ignored, err := keys.NewJWKS(path, document)
	if err != nil {
		return nil, fmt.Errorf("reading jwks_file %q: %w", path, err)
	}
	if ignored != "" {
		logger.Warn("ignoring keys of the key set", "source", path, "reasons", ignored)
	}
	return source, nil
}

// remotes returns the key sets that are fetched, with references to the pool. The references
// are returned also after an error.
func (i *Issuer) remotes(logger *slog.Logger) (sources []keys.Source, pooled []*pooledKeys, err error) {
	var all []keys.RemoteOptions
	for _, url := range i.JWKS {
		all = append(all, keys.RemoteOptions{URL: url})
	}
	if i.Discover {
		all = append(all, keys.RemoteOptions{Discover: i.Issuer})
	}
	ca, err := i.authorities(len(all) > 0)
	if err != nil {
		return nil, nil, err
	}
	for _, options := range all {
		options.CA, options.UserAgent = ca, "sessiongate/"+version()
		remote, err := i.remote(options, logger)
		if err != nil {
			return nil, pooled, err
		}
		sources, pooled = append(sources, remote.keys.Remote), append(pooled, remote)
	}
	return sources, pooled, nil
}

// authorities reads the certificates of tls_ca, or returns nil if there is none.
func (i *Issuer) authorities(fetches bool) ([]byte, error) {
	if i.TLSCA == "" {
		return nil, nil
	}
	if !fetches {
		return nil, errors.New("tls_ca without jwks or discover; it is for the servers of key sets")
	}
	pem, err := os.ReadFile(i.TLSCA)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading tls_ca: %w; is it mounted, and may the gate read it?", err)
	case !x509.NewCertPool().AppendCertsFromPEM(pem):
		return nil, fmt.Errorf("reading tls_ca %q: no certificate in it; it has to be a PEM file of certificates", i.TLSCA)
	}
	return pem, nil
}

// remote takes a key set from the pool, or adds it. The keys are not loaded before the app
// starts.
func (i *Issuer) remote(options keys.RemoteOptions, logger *slog.Logger) (*pooledKeys, error) {
	log := newHandover(logger)
	options.InsecureHTTP, options.Logger = i.InsecureHTTP, slog.New(log)
	poolKey := "jwks " + options.URL
	if options.Discover != "" {
		poolKey = "discover " + options.Discover
	}
	if i.InsecureHTTP {
		poolKey = "insecure " + poolKey
	}
	if options.CA != nil {
		// Another file is another key set, also under the same name.
		poolKey = fmt.Sprintf("%s by %x", poolKey, sha256.Sum256(options.CA))
	}
	pooled, _, err := keyPool.LoadOrNew(poolKey, func() (caddy.Destructor, error) {
		remote, err := keys.NewRemote(options)
		if err != nil {
			return nil, err
		}
		return &remoteKeys{remote, log}, nil
	})
	switch {
	case err != nil && !i.InsecureHTTP && strings.HasPrefix(options.URL+options.Discover, "http://"):
		return nil, fmt.Errorf("%w; or accept the network in between with insecure_http", err)
	case err != nil:
		return nil, err
	}
	return &pooledKeys{poolKey: poolKey, keys: pooled.(*remoteKeys)}, nil
}
