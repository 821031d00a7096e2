// Package sessionapi serves the sessions of callers: DELETE of one session, by a body or by
// its path, DELETE of all sessions of the caller's subject, and the list of them.
//
// An answer 200 to a DELETE means that the revocation is durable in the store, and that no
// gate of the fleet admits a request of the session that starts from then on.
//
// The package does not decide which paths these are, and does not know Caddy.
package sessionapi
