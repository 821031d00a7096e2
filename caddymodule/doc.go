// Package caddymodule holds the Caddy modules of the gate, and reads their Caddyfile
// directives. The modules are:
//
//   - the app `session_gate` with the shared settings (App, Issuer),
//   - the handler `session_gate` that guards an upstream (Gate),
//   - the handler `session_gate_health` for probes (Health).
//
// Read Gate.ServeHTTP first: it shows the steps of a request in their order.
//
// The package only connects other packages to Caddy. Package caller verifies who sends a
// request. Package hub knows what is revoked. Package paths decides which requests belong
// to the gate itself, and sessionapi, logout and tokenendpoint serve those requests. Each
// reload creates a new App and new Gates while requests continue. The hub of a store is
// passed on from one configuration to the next.
package caddymodule
