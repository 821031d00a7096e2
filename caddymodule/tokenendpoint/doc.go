// Package tokenendpoint guards the token endpoints of an upstream (RFC 6749 §3.2).
//
//   - It refuses a request that presents a revoked token.
//   - It learns which session the tokens of an answer belong to.
//   - It withholds the tokens of a revoked session.
//
// It reads requests and answers with package oauth. The store of the fleet keeps what it
// learns (hub.Hub.Tokens). It does not decide which path is a token endpoint. It does not
// refuse other spellings of that path, and does not know Caddy.
package tokenendpoint
