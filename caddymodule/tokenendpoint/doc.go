// Package tokenendpoint watches a token endpoint of the upstream (RFC 6749 §3.2). It refuses
// a request that presents a revoked token, learns which session the tokens of an answer
// belong to, and withholds the tokens of a revoked session.
//
// It reads requests and answers with package oauth, and what it learns is kept by the store
// of the fleet (hub.Hub.Tokens). It does not decide which path is a token endpoint, does not
// refuse other spellings of that path, and does not know Caddy.
package tokenendpoint
