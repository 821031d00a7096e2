// Package oauth reads the messages between a client and a token endpoint (RFC 6749 §3.2,
// §5). It finds the tokens that a request presents, and the tokens that an answer contains.
// It does not know whose tokens they are.
//
// If a gate read a message in another way than the endpoint behind it, it would check one
// token and let another pass. So the package accepts a name in every spelling that some
// reader accepts. It refuses messages on which readers disagree.
package oauth
