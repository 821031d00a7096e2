package reply

import (
	"encoding/json"
	"net/http"
)

// Class is the kind of a denial, for handlers that act on it.
type Class uint8

// Classes of denials.
const (
	Unclassified Class = iota // handlers do not distinguish it
	Missing                   // there is no credential
	Revoked                   // the token is revoked
	Unconfirmed               // it is unknown whether a revocation holds on every gate
)

// Denial is one way to refuse a request: the answer, and the reason for logs. It is
// immutable, and may be used concurrently.
type Denial struct {
	// Status is the status of the answer.
	Status int
	// Class is the kind of fault, for handlers. Default: Unclassified.
	Class Class
	// Reason is a word for logs and metrics: missing, malformed, several, invalid, expired,
	// revoked, unavailable, method, path or cross_site. The answer never contains it.
	// Default: empty, if another part of the request is wrong.
	Reason string

	// Code is the error code of the answer.
	Code string

	// Message is the sentence of the answer for a client's developer.
	Message string

	// Detail says more about a refusal, for logs. A denial that requests share names no issuer
	// and no subject in it.
	Detail Detail

	challenge  string // WWW-Authenticate (RFC 9110 §11.6.1), or empty
	retryAfter string // Retry-After in seconds, or empty
	allow      string // Allow (RFC 9110 §10.2.1), or empty
	body       []byte
}

// Detail is what logs tell about a refusal, and the answer does not.
type Detail struct {
	// Issuer is the name of a configured issuer, or "" if the request names none.
	Issuer string
	// Subject is the subject of a token that the issuer has signed, or "" if it has none.
	Subject string
	// Err is the rule that the request breaks, or nil if Message says it.
	Err error
}

// New returns a denial with the body {"error": code, "message": message}. challenge is the
// field WWW-Authenticate, or empty. An answer 503 has Retry-After: 1.
func New(status int, code, message, challenge string) *Denial {
	return newDenial(status, code, message, challenge, struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}{code, message})
}

// OAuth returns a denial with the body that clients of a token endpoint, and issuers,
// expect (RFC 6749 §5.2). An answer 503 has Retry-After: 1.
func OAuth(status int, code, description string) *Denial {
	return newDenial(status, code, description, "", struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{code, description})
}

func newDenial(status int, code, message, challenge string, content any) *Denial {
	body, err := json.Marshal(content)
	if err != nil {
		panic(err) // two strings
	}
	d := &Denial{Status: status, Code: code, Message: message, challenge: challenge, body: body}
	if status == http.StatusServiceUnavailable {
		d.retryAfter = "1"
	}
	return d
}

// Because returns the same answer with a reason for logs.
func (d *Denial) Because(reason string) *Denial {
	same := *d
	same.Reason = reason
	return &same
}

// As returns the same answer with a class.
func (d *Denial) As(class Class) *Denial {
	same := *d
	same.Class = class
	return &same
}

// With returns the same answer with a detail for logs.
func (d *Denial) With(detail Detail) *Denial {
	same := *d
	same.Detail = detail
	return &same
}

// Allowing returns the same answer with the methods that are allowed, as a list for the
// field Allow.
func (d *Denial) Allowing(methods string) *Denial {
	same := *d
	same.allow = methods
	return &same
}

// Is reports whether a denial has this class. A nil denial has no class.
func (d *Denial) Is(class Class) bool { return d != nil && d.Class == class }

// Refuse writes a denial as the answer to a request. A gate has a Refuse that also sets the
// reason for its logs, and passes it to the packages that serve its paths.
type Refuse func(http.ResponseWriter, *http.Request, *Denial) error

// Answered tells the logs of a gate that it answers a request itself, without refusing it, and to
// whom: a subject, or "" if nobody is known. Call it before the answer.
type Answered func(r *http.Request, subject string)

// Write answers the request, and does not wait for the rest of its body. A denial is
// terminal: it is written, not returned as an error, because Caddy's routes of handle_errors
// are not guarded and could serve what was refused. The error is always nil.
func (d *Denial) Write(w http.ResponseWriter, r *http.Request) error {
	d.Announce(w, r)
	write(w, d.Status, d.body)
	return nil
}

// Announce sets the header fields of the answer and does not write it, for a handler that
// lets somebody else write it. The answer will not wait for the rest of the body.
func (d *Denial) Announce(w http.ResponseWriter, r *http.Request) {
	skipBody(w, r)
	header := w.Header()
	if d.challenge != "" {
		header.Set("WWW-Authenticate", d.challenge)
	}
	if d.allow != "" {
		header.Set("Allow", d.allow)
	}
	if d.retryAfter != "" {
		header.Set("Retry-After", d.retryAfter)
	}
	header.Set("Cache-Control", "no-store")
}
