// Package refusals logs why a gate refuses requests, so that an operator can tell at night why a
// user gets a 401. A flood of refusals does not fill the log: for each reason and each issuer
// it writes one line a second at most, with the number of refusals that it left out.
//
// It does not decide about requests, reads none, and does not know Caddy.
package refusals
