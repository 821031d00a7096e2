// Package token finds the credential of a request, verifies it as a JSON Web
// Token (RFC 7519, 8725, 9068) and makes ready what the revocation check and
// the application behind the gate need of it. It knows HTTP requests, but no
// HTTP server, no revocation and no Caddy.
//
// An Extractor takes exactly one credential from a request. A Verifier turns
// it into a Verified token: the signature first, by an algorithm and a key that
// the configuration names, then the claims, each by one strict scan. Verified
// tokens are kept in a bounded cache, because a signature costs a thousand
// times what looking it up does; whether a token is revoked is never cached.
//
// Signatures are verified by golang-jwt's signing methods. Its parser is not
// used: it reads claims as encoding/json does, which takes "sid" and "SID" for
// one name, and ignores `crit`.
package token
