// Package navigation sends a person who opens a page without a valid token to another page: to
// log in, or to log out at the issuer.
//
// It tells the navigation of a browser from every other request ([IsPage]), and knows the
// address of the other page ([Redirect]). It does not decide which requests are refused, and
// does not know Caddy.
package navigation
