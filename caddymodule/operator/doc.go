// Package operator is the admin API of a gate: what operators ask of a running gate, the
// JSON that it answers, and the state that probes are told, too.
//
// Importing it registers the module admin.api.session_gate. It sees the gate through the
// interface App, which the app session_gate implements. It decides about no request and
// keeps nothing itself: revocations go through the hub, tokens through the verifier. It
// prints nothing for people: that is the package command's, which shares the types of
// the answers.
package operator
