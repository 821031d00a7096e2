package caddymodule

import (
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
	p.keys.log.to(logger)
	p.keys.Start()
}

func (p *pooledKeys) release() error {
	_, err := keyPool.Delete(p.poolKey)
	return err
}

// resolveKeys replaces the placeholders of the sources of keys. field returns the name of a
// field for an error.
func (i *Issuer) resolveKeys(field func(name string) string) error {
	for n := range i.PublicKey {
		if err := config.ResolveFile(field("public_key"), &i.PublicKey[n]); err != nil {
			return err
		}
	}
	if err := config.ResolveAll(field("hmac_secret"), i.HMACSecret); err != nil {
		return err
	}
	return config.Resolve(field("jwks"), &i.JWKS)
}

// source returns the one configured source of keys.
//
// Invariant 3: only the configuration says where keys come from. A missing or unreadable
// source is an error, and never leaves an issuer without keys.
func (i *Issuer) source(logger *slog.Logger) (keys.Source, *pooledKeys, error) {
	given := 0
	for _, is := range []bool{i.JWKS != "", i.Discover, len(i.PublicKey) > 0, len(i.HMACSecret) > 0} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return nil, nil, fmt.Errorf("%d sources of keys, want exactly one of: jwks, discover, public_key, hmac_secret", given)
	case len(i.PublicKey) > 0:
		source, err := readPublicKeys(i.PublicKey)
		return source, nil, err
	case len(i.HMACSecret) > 0:
		secrets := make([][]byte, len(i.HMACSecret))
		for n, secret := range i.HMACSecret {
			secrets[n] = []byte(secret)
		}
		source, err := keys.NewHMAC(secrets...)
		return source, nil, err
	default:
		return i.remote(logger)
	}
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

// remote takes the key set of the URL from the pool, or adds it. The keys are not loaded
// before the app starts.
func (i *Issuer) remote(logger *slog.Logger) (keys.Source, *pooledKeys, error) {
	log := newHandover(logger)
	options := keys.RemoteOptions{
		URL:          i.JWKS,
		InsecureHTTP: i.InsecureHTTP,
		Logger:       slog.New(log),
	}
	poolKey := "jwks " + i.JWKS
	if i.Discover {
		options.Discover = i.Issuer
		poolKey = "discover " + i.Issuer
	}
	if i.InsecureHTTP {
		poolKey = "insecure " + poolKey
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
		return nil, nil, fmt.Errorf("%w; or accept the network in between with insecure_http", err)
	case err != nil:
		return nil, nil, err
	}
	remote := pooled.(*remoteKeys)
	return remote.Remote, &pooledKeys{poolKey, remote}, nil
}
