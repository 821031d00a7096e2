// Package token verifies a credential as a JSON Web Token (RFC 7519, 8725, 9068). It
// creates the keys for the revocation check, and the texts of the claims for the
// application behind the gate. It knows no HTTP request, no revocation and no Caddy;
// package credential finds the credential.
//
// A Verifier turns a credential into a Verified token. First it verifies the signature, by
// an algorithm and a key that the configuration names. Then it checks the claims, each by
// one strict scan. It keeps verified tokens in a bounded cache, because verifying a
// signature costs a thousand times as much as a look-up. It never caches whether a token is
// revoked.
//
// Package keys holds the keys of the issuers and verifies signatures by golang-jwt's
// signing methods. The parser of that library is not used: it reads claims as
// encoding/json does, which takes "sid" and "SID" for one name, and ignores `crit`.
package token
