// Package oauth reads the messages between a client and a token endpoint (RFC 6749
// §3.2, §5). It tells a gate which tokens a request presents and which an answer hands
// out. It does not know the owners of tokens.
//
// If a gate read a message in another way than the endpoint behind it, it would check
// one token and let another pass. So the package accepts a name in every spelling that
// some reader accepts, and refuses what readers disagree on.
package oauth
