// Package operator is the admin API of a gate: the requests of operators, the JSON answers,
// and the state that probes report, too.
//
// Importing it registers the module admin.api.session_gate. It uses the gate through the
// interface App, which the app session_gate implements. It decides about no request and
// keeps no state: revocations go through the hub, tokens through the verifier. Package
// command prints the answers for people; it uses the same types.
package operator
