// Package keys holds the keys of an issuer and verifies signatures with them: shared
// secrets, public keys from PEM files, key sets from files, and key sets that are fetched
// and kept fresh in the background (JSON Web Key Sets, RFC 7517).
//
// A Source verifies JSON Web Signatures (RFC 7515) whose parts the caller has separated. It
// knows nothing about the signed contents: no claims, no times, no revocation and no cache.
// Package token asks it before it trusts a claim. Verify never waits. A caller that can wait
// for a new key calls Await with its error.
//
// Signatures are verified by golang-jwt's signing methods, and JSON Web Keys are read by
// go-jose, after the members of the key were checked and its numbers encoded anew here.
package keys
