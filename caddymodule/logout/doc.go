// Package logout receives the logout tokens that issuers send (OpenID Connect Back-Channel
// Logout 1.0): it verifies a token, revokes the session or the subject that the token names,
// and refuses the same token when it comes again.
//
// It does not decide which path the issuer calls, and does not know Caddy.
package logout
