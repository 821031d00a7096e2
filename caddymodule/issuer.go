package caddymodule

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/config"
	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// Issuer is an issuer whose tokens are accepted, with the keys that verify them. It has
// exactly one source of keys: jwks, discover, public_key or hmac_secret.
type Issuer struct {
	// Issuer is the exact value of the claim `iss`. Required.
	Issuer string `json:"issuer,omitempty"`

	// JWKS is the URL of the issuer's JSON Web Key Set (RFC 7517 §5). The gate loads it
	// after the start and refreshes it every ten minutes. If a token names an unknown key,
	// the gate refreshes it within seconds. While the URL cannot be loaded, the gate uses
	// the last good keys for 24 h. It logs a warning after 12 h. After 24 h it answers 503
	// to every token of the issuer, until a fetch succeeds. Keys that are weak, private or
	// not for signatures are ignored, with a warning. Redirects are followed on the same
	// host and port, over https. Default: none.
	JWKS string `json:"jwks,omitempty"`

	// Discover takes the URL of the key set from the issuer's
	// /.well-known/openid-configuration (OpenID Connect Discovery 1.0 §4). The URL may name
	// another host. It may name this machine or its link-local networks only if the issuer
	// is there itself. Otherwise the rules of jwks apply. Default: false.
	Discover bool `json:"discover,omitempty"`

	// PublicKey lists PEM files with public keys or certificates. Default: none.
	PublicKey []string `json:"public_key,omitempty"`

	// HMACSecret is one secret, or two during a rotation, of at least 32 bytes each. Use
	// {file./run/secrets/…} or {env.X}. Default: none.
	HMACSecret []string `json:"hmac_secret,omitempty"`

	// Audience lists the accepted values of `aud`. A token must hold at least one of them.
	// Required unless any_audience is set.
	Audience []string `json:"audience,omitempty"`

	// AnyAudience also accepts tokens for other services. Default: false.
	AnyAudience bool `json:"any_audience,omitempty"`

	// LogoutAudience lists the client ids whose logout tokens are accepted at
	// backchannel_logout. The `aud` of a logout token must hold one of them.
	// Default: audience, or any value with any_audience.
	LogoutAudience []string `json:"logout_audience,omitempty"`

	// Algorithms lists the accepted signature algorithms (RFC 7518 §3.1). Default: all that
	// fit the keys.
	Algorithms []string `json:"algorithms,omitempty"`

	// SessionClaim lists the claims that name the session. The first that a token has counts.
	// A claim is a member of the token, or a dotted path to one, as everywhere below.
	// Default: sid.
	SessionClaim ClaimNames `json:"session_claim,omitempty"`

	// TokenIDClaim is the claim that names the token. Default: jti.
	TokenIDClaim string `json:"token_id_claim,omitempty"`

	// SubjectClaim lists the claims that name the subject. The first that a token has counts.
	// Default: sub.
	SubjectClaim []string `json:"subject_claim,omitempty"`

	// AudienceClaim lists the claims of which one must hold one of audience, such as azp or
	// client_id where `aud` does not name this gate. Default: aud.
	AudienceClaim []string `json:"audience_claim,omitempty"`

	// ScopeClaim lists the claims with the scopes: texts with spaces between them, or arrays.
	// Default: scope and scp.
	ScopeClaim []string `json:"scope_claim,omitempty"`

	// Require lists what a token must hold besides. All of it counts. Default: nothing.
	Require []*Requirement `json:"require,omitempty"`

	// AcceptMissingIss takes tokens without `iss` for tokens of this issuer. At most one
	// issuer may have it. Default: false.
	AcceptMissingIss bool `json:"accept_missing_iss,omitempty"`

	// AcceptMissingIat also accepts tokens without `iat`. It is the lifetime of this issuer's
	// tokens, and at most max_token_lifetime. Then `nbf` counts as `iat`, or else `exp` minus
	// the lifetime. If the tokens live longer than it says, some of them survive a revocation
	// of their subject. Default: none, so that `iat` is required.
	AcceptMissingIat caddy.Duration `json:"accept_missing_iat,omitempty"`

	// Wildcard is the claim whose value stands in the name of the issuer instead of its one
	// asterisk, for issuers with tenants. The name of a token's issuer is then its own `iss`,
	// also where an operator names it. It does not go with discover. Default: none.
	Wildcard *Wildcard `json:"wildcard,omitempty"`

	// WithoutSession is what a DELETE ends with a token that names neither a session nor a
	// login. With `subject`, it ends every access token issued to the subject up to then, on
	// all devices. With `token`, it ends the token alone. With `refuse`, the gate does not
	// accept such tokens. Tokens of machines always end alone. Default: subject.
	WithoutSession string `json:"without_session,omitempty"`

	// LoginClaim is the claim by which tokens of one login belong together: `auth_time`, with
	// the subject. With `none`, no login is told, for issuers that move `auth_time` without
	// one. Default: auth_time.
	LoginClaim string `json:"login_claim,omitempty"`

	// Reauthentication is what happens to tokens of a revoked session whose login, by
	// `auth_time`, is later than the revocation. With `refuse`, the session stays revoked. With
	// `admit`, they are accepted: only for issuers whose refreshed tokens keep their own
	// `auth_time`. Default: refuse.
	Reauthentication string `json:"reauthentication,omitempty"`

	// InsecureHTTP allows jwks and discover over plain http to a host that is not loopback.
	// An attacker on the network path can then replace the keys, and so forge tokens.
	// Default: false.
	InsecureHTTP bool `json:"insecure_http,omitempty"`
}

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

// options resolves placeholders and reads key files. The caller releases the reference to
// the key pool, if there is one, also after an error.
func (i *Issuer) options(logger *slog.Logger) (token.IssuerOptions, *pooledKeys, error) {
	if err := i.resolve(); err != nil {
		return token.IssuerOptions{}, nil, err
	}
	if err := errors.Join(i.checkAudience(), i.checkWildcard(), i.checkLogin()); err != nil {
		return token.IssuerOptions{}, nil, fmt.Errorf("checking issuer %q: %w", i.Issuer, err)
	}
	source, pooled, err := i.source(logger)
	if err != nil {
		return token.IssuerOptions{}, pooled, fmt.Errorf("checking issuer %q: %w", i.Issuer, err)
	}
	options := token.IssuerOptions{
		Issuer:          i.Issuer,
		Audiences:       i.Audience,
		AnyAudience:     i.AnyAudience,
		LogoutAudiences: i.LogoutAudience,
		Algorithms:      i.Algorithms,
		Keys:            source,
	}
	i.setClaims(&options)
	return options, pooled, nil
}

func (i *Issuer) resolve() error {
	if err := config.Resolve("issuer", &i.Issuer); err != nil {
		return err
	}
	field := func(name string) string { return fmt.Sprintf("%s of issuer %q", name, i.Issuer) }
	for n := range i.PublicKey {
		if err := config.ResolveFile(field("public_key"), &i.PublicKey[n]); err != nil {
			return err
		}
	}
	for _, list := range []struct {
		name   string
		values []string
	}{
		{"hmac_secret", i.HMACSecret}, {"audience", i.Audience}, {"logout_audience", i.LogoutAudience}, {"algorithms", i.Algorithms},
	} {
		if err := config.ResolveAll(field(list.name), list.values); err != nil {
			return err
		}
	}
	if err := i.resolveClaims(field); err != nil {
		return err
	}
	return config.Resolve(field("jwks or a claim"), &i.JWKS, &i.TokenIDClaim)
}

func (i *Issuer) checkAudience() error {
	switch {
	case len(i.Audience) == 0 && !i.AnyAudience:
		return errors.New("no audience; name what this gate is called in aud, or accept tokens for others with any_audience")
	case i.AnyAudience && len(i.AudienceClaim) > 0:
		return errors.New("both audience_claim and any_audience; name the audience that the claim must hold, or leave audience_claim out")
	case len(i.Audience) > 0 && i.AnyAudience:
		return errors.New("both audience and any_audience; use one of them")
	}
	return nil
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
