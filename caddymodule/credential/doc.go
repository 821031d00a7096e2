// Package credential finds exactly one credential in a request: in a header field, in a
// cookie, in a parameter of the query, or in a subprotocol of a WebSocket. It removes the
// credential from requests, and expires cookies.
//
// It refuses a request if some reader behind the gate would find another credential than
// the gate does. It does not read the credential; package token verifies it. It does not
// allocate for an ordinary request.
package credential
