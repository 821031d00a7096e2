package command

import (
	"fmt"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
)

// sources says by what a revocation was made, by the word in events and answers.
var sources = map[string]string{
	"endpoint": "a logout of the session",
	"sessions": "a logout at the sessions endpoint",
	"admin":    "an operator",
	"issuer":   "the issuer's back-channel logout",
	"standard": "a client or a transmitter of events",
}

// describeOrigin says since when something is revoked, by what and why, in a line.
func describeOrigin(o operator.Origin) string {
	if o.Since == nil && o.Source == "" {
		return "(unknown since when: " + o.Unknown + ")"
	}
	text := "since an unknown time"
	if o.Since != nil {
		text = "since " + stamp(*o.Since)
	}
	by, known := sources[o.Source]
	if !known {
		by = "an unknown source"
		if o.Source != "" {
			by = o.Source
		}
	}
	text += " by " + by
	if o.Reason != "" {
		text += fmt.Sprintf(", who gave the reason %q", o.Reason)
	}
	if o.Unknown != "" {
		text += " (" + o.Unknown + ")"
	}
	return text
}

// describeRevocation names a revocation.
func describeRevocation(r operator.Revocation) string {
	text := r.By
	switch r.By {
	case "learned":
		text = "login that a token_endpoint issued it for"
	case "forgotten":
		text = "a revocation that may be forgotten"
	}
	if r.Key != "" {
		text += ", key " + r.Key
	}
	if r.NotBefore != nil {
		text += ", up to " + stamp(*r.NotBefore)
	}
	return text
}
