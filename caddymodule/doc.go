// Package caddymodule has the modules that a Caddyfile names: the app `session_gate` with what
// is shared (App, Issuer), the handler `session_gate` that stands before an upstream (Gate), and
// the handler `session_gate_health` for probes (Health). It also reads their directives.
//
// Gate.ServeHTTP is the function to read first: what a request goes through, and in which order.
//
// The package connects others to Caddy and decides nothing itself. Package caller finds out who
// asks, hub what is revoked, paths which requests belong to the gate itself; sessionapi,
// logout and tokenendpoint serve those. A configuration is loaded anew while requests go on: an
// App and its Gates are made for each, and the hub of a store is handed from one to the next.
package caddymodule
