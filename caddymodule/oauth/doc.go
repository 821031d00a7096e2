// Package oauth reads what passes between a client and a token endpoint (RFC 6749
// §3.2, §5), for a gate that has to know which tokens a request presents and which
// an answer hands out. It knows nothing of whose they are.
//
// A gate that reads a message otherwise than the endpoint behind it would check
// one token and let another pass. So names are taken in every spelling that some
// reader takes for the name, and what readers disagree on is refused.
package oauth
