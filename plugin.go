// Package sessiongate is a plugin for Caddy that puts session revocation in
// front of backends that know nothing of tokens.
//
// A gate is one Caddy process with this plugin, as a sidecar or at the edge. It
// verifies the token of every request, checks it against the revoked sessions
// that it holds in memory, tells the upstream whose request it is, and passes
// it on. DELETE /v1/auth/session revokes a session: every token of it is
// refused from then on. All gates that share a store make a fleet, and what one
// of them revokes, all refuse.
//
// Importing this package registers the app "session_gate", the handlers
// "http.handlers.session_gate" and "http.handlers.session_gate_health", the
// stores "session_gate.stores.*", the admin API "admin.api.session_gate" and the
// command "caddy session-gate". That is all it does: the code is in the packages
// caddymodule, the adapter to Caddy, with the rooms below it, and store, the
// revocations.
//
// # Invariants
//
// Each is stated again where the code enforces it, and proved by a test there.
//
//  1. A request carries one token and gets one decision: verified first, then
//     checked, then passed on, from verified claims alone.
//  2. Revocation is monotone. Nothing clears the revoked set before what
//     replaces it is complete.
//  3. The algorithm and the key come from the configuration and the key id,
//     never from the token alone.
//  4. A token without exp or iat, or with a longer life than
//     max_token_lifetime, is refused: it could outlive its revocation. Only
//     accept_missing_iat puts something in place of iat.
//  5. iat counts whole seconds, so a not-before instant refuses its own second
//     too.
//  6. What is revoked is named together with its issuer. Session and token ids
//     are opaque strings of 1 to 1024 bytes.
//  7. A technical failure is answered 503. It is never taken for "not revoked",
//     and never for a bad token.
//  8. A lease is measured in boot time, from before the question was asked. A
//     step of the wall clock does not touch it.
//  9. No identity header that a client sent reaches the upstream, in whatever
//     spelling.
//  10. Tokens, secrets and session ids are never logged. A prefix of a hash is.
//  11. Validating a configuration opens no socket and no file of the store. A
//     gate answers 503 until it has read the whole set once.
//  12. Memory is bounded whatever is sent: tokens, bodies, nesting, caches, key
//     sets and the fetches that unknown key ids cause.
package sessiongate

// These packages register their modules with Caddy when they are imported.
import (
	_ "github.com/sessiongate/sessiongate/caddymodule"
	_ "github.com/sessiongate/sessiongate/caddymodule/command"
	_ "github.com/sessiongate/sessiongate/caddymodule/operator"
	_ "github.com/sessiongate/sessiongate/caddymodule/stores"
)
