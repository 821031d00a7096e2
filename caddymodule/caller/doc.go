// Package caller finds out who sends a request: it reads the one credential of the request,
// verifies it and checks that it is not revoked. It also says which pages of a browser may
// call the gate (CORS), and whether a page of another site sent a request.
//
// It logs that users are locked out: the issuer still makes tokens of a session that a logout
// has ended.
//
// Every package that serves a path of the gate uses the same [Reader] and the same
// [Origins]. So all of them refuse for the same reasons, with the same answers.
//
// The package does not decide what a caller may do, writes no answer but that to a CORS
// preflight, and does not know Caddy.
package caller
