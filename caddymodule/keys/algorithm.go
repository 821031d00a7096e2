package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"

	"github.com/golang-jwt/jwt/v5"
)

// algorithm is one way to sign (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2).
type algorithm struct {
	name   string
	method jwt.SigningMethod
	// fits reports whether a key has the type that the algorithm needs.
	fits func(key any) bool
}

var algorithms = []*algorithm{
	{"HS256", jwt.SigningMethodHS256, isSecret},
	{"HS384", jwt.SigningMethodHS384, isSecret},
	{"HS512", jwt.SigningMethodHS512, isSecret},
	{"RS256", jwt.SigningMethodRS256, isRSA},
	{"RS384", jwt.SigningMethodRS384, isRSA},
	{"RS512", jwt.SigningMethodRS512, isRSA},
	{"PS256", pss("PS256", crypto.SHA256), isRSA},
	{"PS384", pss("PS384", crypto.SHA384), isRSA},
	{"PS512", pss("PS512", crypto.SHA512), isRSA},
	{"ES256", jwt.SigningMethodES256, isOnCurve(elliptic.P256())},
	{"ES384", jwt.SigningMethodES384, isOnCurve(elliptic.P384())},
	{"ES512", jwt.SigningMethodES512, isOnCurve(elliptic.P521())},
	{"EdDSA", jwt.SigningMethodEdDSA, isEd25519},
	{"Ed25519", jwt.SigningMethodEdDSA, isEd25519},
}

// IsAlgorithm reports whether this is the exact name of an algorithm that some source can
// verify. "none" is not one.
func IsAlgorithm(name string) bool { return algorithmNamed(name) != nil }

// algorithmNamed returns the algorithm of that exact name, or nil.
func algorithmNamed(name string) *algorithm {
	for _, a := range algorithms {
		if a.name == name {
			return a
		}
	}
	return nil
}

// isNamed reports whether `alg` of a JSON Web Key names this algorithm. EdDSA and Ed25519 are
// two names of one algorithm (RFC 9864 §2.2), because a key on another curve is not used. An
// issuer may change the name in its tokens before it does in its key set.
func (a *algorithm) isNamed(name string) bool {
	return a.name == name || isEdDSA(a.name) && isEdDSA(name)
}

func isEdDSA(name string) bool { return name == "EdDSA" || name == "Ed25519" }

// verifies reports whether the key made the signature. The key has the type that the
// algorithm needs.
func (a *algorithm) verifies(s Signature, key any) bool {
	return a.method.Verify(s.Input, s.Value, key) == nil
}

// algorithmsFor returns every algorithm that a key can verify.
func algorithmsFor(key any) (fitting []*algorithm) {
	for _, a := range algorithms {
		if a.fits(key) {
			fitting = append(fitting, a)
		}
	}
	return fitting
}

// pss returns RSASSA-PSS with a salt as long as the hash, as RFC 7518 §3.5 requires. The
// library's own methods accept a salt of any length.
func pss(name string, hash crypto.Hash) jwt.SigningMethod {
	options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	return &jwt.SigningMethodRSAPSS{
		SigningMethodRSA: &jwt.SigningMethodRSA{Name: name, Hash: hash},
		Options:          options,
		VerifyOptions:    options,
	}
}

func isSecret(key any) bool {
	_, ok := key.([]byte)
	return ok
}

func isRSA(key any) bool {
	_, ok := key.(*rsa.PublicKey)
	return ok
}

// isOnCurve binds ES256, ES384 and ES512 to their curves (RFC 7518 §3.4).
func isOnCurve(curve elliptic.Curve) func(any) bool {
	return func(key any) bool {
		public, ok := key.(*ecdsa.PublicKey)
		return ok && public.Curve == curve
	}
}

func isEd25519(key any) bool {
	_, ok := key.(ed25519.PublicKey)
	return ok
}
