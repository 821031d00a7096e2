package caddymodule

import (
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/config"
	"github.com/sessiongate/sessiongate/caddymodule/fieldname"
)

// Identity says which header fields tell the upstream who the user is: those of
// a preset, or named ones. They are removed from every request, in every
// spelling, and set from the verified token.
//
// An array is sent as a comma separated list. A field is left out where the
// upstream would not read what the claim says: where the token has no such claim,
// where its text holds control characters or line breaks, or begins or ends with
// a blank, also one of Unicode, and where that is so of an element of an array or
// the element holds a comma. All other text is sent as its UTF-8.
type Identity struct {
	// Preset is one of:
	//
	//   - oauth2_proxy: X-Forwarded-User (`sub`), X-Forwarded-Email (`email`),
	//     X-Forwarded-Groups (`groups`), X-Forwarded-Preferred-Username
	//     (`preferred_username`)
	//   - authelia: Remote-User (`sub`), Remote-Groups (`groups`), Remote-Name
	//     (`name`), Remote-Email (`email`)
	//   - pomerium: X-Pomerium-Claim-Sub, -Email, -Name, -Groups, and one for
	//     each of the gate's claims; everything that begins with
	//     X-Pomerium-Claim- is owned
	//
	// Default: none.
	Preset string `json:"preset,omitempty"`

	// Headers maps field names to claims, in the place of a preset. Default: none.
	Headers map[string]string `json:"headers,omitempty"`
}

func (i *Identity) resolve() error {
	if err := config.Resolve("identity", &i.Preset); err != nil {
		return err
	}
	resolved := make(map[string]string, len(i.Headers))
	for name, claim := range i.Headers {
		if err := config.Resolve("identity", &name, &claim); err != nil {
			return err
		}
		if _, twice := resolved[name]; twice {
			return fmt.Errorf("resolving identity: header %q is named twice", name)
		}
		resolved[name] = claim
	}
	i.Headers = resolved
	return nil
}

const pomeriumPrefix = "X-Pomerium-Claim-"

var presets = map[string][]identityField{
	"oauth2_proxy": {
		{name: "X-Forwarded-User", claim: "sub"},
		{name: "X-Forwarded-Email", claim: "email"},
		{name: "X-Forwarded-Groups", claim: "groups"},
		{name: "X-Forwarded-Preferred-Username", claim: "preferred_username"},
	},
	"authelia": {
		{name: "Remote-User", claim: "sub"},
		{name: "Remote-Groups", claim: "groups"},
		{name: "Remote-Name", claim: "name"},
		{name: "Remote-Email", claim: "email"},
	},
	"pomerium": {
		{name: pomeriumPrefix + "Sub", claim: "sub"},
		{name: pomeriumPrefix + "Email", claim: "email"},
		{name: pomeriumPrefix + "Name", claim: "name"},
		{name: pomeriumPrefix + "Groups", claim: "groups"},
	},
}

// provision returns the fields that are meant; claims are those of the gate.
func (i *Identity) provision(claims []string) (*identity, error) {
	switch {
	case i == nil:
		return newIdentity(nil), nil
	case i.Preset != "" && len(i.Headers) > 0:
		return nil, errors.New("checking session_gate: identity has both a preset and headers; use one of them")
	case i.Preset == "":
		return i.named()
	}
	fields, ok := presets[i.Preset]
	if !ok {
		return nil, config.OneOf("identity", i.Preset, "oauth2_proxy", "authelia", "pomerium")
	}
	if i.Preset != "pomerium" {
		return newIdentity(fields), nil
	}
	fields = slices.Clone(fields)
	for _, claim := range claims {
		name := textproto.CanonicalMIMEHeaderKey(pomeriumPrefix + strings.ReplaceAll(claim, "_", "-"))
		known := slices.ContainsFunc(fields, func(f identityField) bool { return f.name == name })
		if !known && fieldname.IsValid(name) {
			fields = append(fields, identityField{name: name, claim: claim})
		}
	}
	return newIdentity(fields, fieldname.Fold(pomeriumPrefix)), nil
}

func (i *Identity) named() (*identity, error) {
	if len(i.Headers) == 0 {
		return nil, errors.New("checking session_gate: identity names no header; use a preset or name headers and claims")
	}
	names := make(map[string]string, len(i.Headers))
	var fields []identityField
	for name, claim := range i.Headers {
		folded := fieldname.Fold(name)
		switch {
		case !fieldname.IsValid(name):
			return nil, fmt.Errorf("checking session_gate: identity header %q is not a field name", name)
		case slices.Contains(reservedFields, folded):
			return nil, fmt.Errorf("checking session_gate: identity header %q is one that HTTP itself needs; choose another", name)
		case claim == "":
			return nil, fmt.Errorf("checking session_gate: identity header %q has no claim", name)
		case names[folded] != "":
			return nil, fmt.Errorf("checking session_gate: identity headers %q and %q are one to many upstreams", name, names[folded])
		}
		names[folded] = name
		fields = append(fields, identityField{name: name, claim: claim})
	}
	slices.SortFunc(fields, func(a, b identityField) int { return strings.Compare(a.name, b.name) })
	return newIdentity(fields), nil
}

// reservedFields are those that would break the request if they were taken from
// a token.
var reservedFields = []string{
	"authorization", "connection", "content-encoding", "content-length", "content-type", "cookie", "expect",
	"host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
}
