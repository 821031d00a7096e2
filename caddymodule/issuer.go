package caddymodule

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/config"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// Issuer is an issuer whose tokens are accepted, with the keys that verify them. It has one or
// more sources of keys: jwks, discover, jwks_file, public_key and hmac_secret. Each key is used
// with the algorithms of its own type only.
type Issuer struct {
	// Issuer is the exact value of the claim `iss`. Required.
	Issuer string `json:"issuer,omitempty"`

	// JWKS lists the URLs of the issuer's JSON Web Key Sets (RFC 7517 §5), or is the URL of one.
	// The gate loads it after the start and refreshes it every ten minutes. If a token names an
	// unknown key, the gate refreshes it at once, but at most once in 5 s, and the request waits
	// for that for up to a second. It is 503 if the key set did not come in that time. While the
	// URL cannot be loaded, the gate uses the last good keys for 24 h. It logs a warning after
	// 12 h. After 24 h it answers 503 to every token of the issuer, until a fetch succeeds. Keys that
	// are weak, private or not for signatures are ignored, with a warning. Certificates of keys
	// are not read. Redirects are followed on the same host and port, over https. The proxies of
	// the environment are used (HTTPS_PROXY, HTTP_PROXY, NO_PROXY). Default: none.
	JWKS URLs `json:"jwks,omitempty"`

	// Discover takes the URL of the key set from the issuer's
	// /.well-known/openid-configuration (OpenID Connect Discovery 1.0 §4). The URL may name
	// another host. It may name this machine or its link-local networks only if the issuer
	// is there itself. Otherwise the rules of jwks apply. Default: false.
	Discover bool `json:"discover,omitempty"`

	// JWKSFile lists files with JSON Web Key Sets, which the gate reads when the configuration
	// is loaded. The rules for keys are those of jwks. Default: none.
	JWKSFile []string `json:"jwks_file,omitempty"`

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

	// Algorithms lists the accepted signature algorithms (RFC 7518 §3.1, RFC 9864 §2.2).
	// Default: all that fit the keys.
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

	// TLSCA is a PEM file with the certificates of the authorities that sign the certificates
	// of the servers of jwks and discover. Others are then not trusted for them.
	// Default: the authorities of the system.
	TLSCA string `json:"tls_ca,omitempty"`

	// KeysOptional lets the gate start, and be ready, without the keys of this issuer: `/startupz`
	// and `readiness strict` do not wait for them. Its tokens are 503 until the keys are there,
	// as always. It goes with jwks or discover. Default: false.
	KeysOptional bool `json:"keys_optional,omitempty"`

	// InsecureHTTP allows jwks and discover over plain http to a host that is not loopback.
	// An attacker on the network path can then replace the keys, and so forge tokens.
	// Default: false.
	InsecureHTTP bool `json:"insecure_http,omitempty"`

	warned bool // the log warns of any_audience
}

// options resolves placeholders and reads key files. The caller releases the references to
// the key pool, also after an error.
func (i *Issuer) options(logger *slog.Logger) (token.IssuerOptions, []*pooledKeys, error) {
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
	i.warnSessionClaim(logger)
	i.warnOfName(logger)
	return options, pooled, nil
}

func (i *Issuer) resolve() error {
	if err := config.Resolve("issuer", &i.Issuer); err != nil {
		return err
	}
	field := func(name string) string { return fmt.Sprintf("%s of issuer %q", name, i.Issuer) }
	if err := i.resolveKeys(field); err != nil {
		return err
	}
	for _, list := range []struct {
		name   string
		values []string
	}{
		{"audience", i.Audience}, {"logout_audience", i.LogoutAudience}, {"algorithms", i.Algorithms},
	} {
		if err := config.ResolveAll(field(list.name), list.values); err != nil {
			return err
		}
	}
	if err := i.resolveClaims(field); err != nil {
		return err
	}
	return config.Resolve(field("a claim"), &i.TokenIDClaim)
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
