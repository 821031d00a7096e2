package identity

import (
	"errors"
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/fieldname"
)

// Config names the header fields that tell the upstream who the user is: those of a
// preset, or named ones. The gate removes them from every request, in every spelling, and
// sets them from the verified token. A claim is a top-level claim of that name, or else the
// one at that dotted path, such as `realm_access.roles`.
//
// An array is sent as a comma separated list. All text is sent as its UTF-8. The gate leaves
// a field out if the upstream would not read what the claim says:
//
//   - the token has no such claim
//   - its text, or an element of an array, holds control characters or line breaks, or
//     begins or ends with a blank, also one of Unicode
//   - an element of an array holds a comma
type Config struct {
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

	// Headers maps field names to claims. Beside a preset it changes the claims of the preset's
	// own headers, such as Remote-User to `preferred_username`. A gate refuses a field from
	// which some servers take the path, such as X-Original-URL. Default: none.
	Headers map[string]string `json:"headers,omitempty"`
}

const pomeriumPrefix = "X-Pomerium-Claim-"

var presets = map[string][]field{
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

// New returns the Headers of a configuration whose placeholders are resolved. claims are
// those of the gate: the preset pomerium has a field for each. Without a configuration no
// field is owned. An error says what is wrong with the configuration.
func New(c *Config, claims []string) (*Headers, error) {
	switch {
	case c == nil:
		return newHeaders(nil), nil
	case c.Preset == "":
		if len(c.Headers) == 0 {
			return nil, errors.New("identity names no header; use a preset or name headers and claims")
		}
		fields, err := named(c.Headers)
		if err != nil {
			return nil, err
		}
		return newHeaders(fields), nil
	}
	fields, ok := presets[c.Preset]
	if !ok {
		return nil, fmt.Errorf("identity %q is unknown; use one of: oauth2_proxy, authelia, pomerium", c.Preset)
	}
	var prefixes []string
	if c.Preset == "pomerium" {
		var err error
		if fields, err = withClaims(fields, claims); err != nil {
			return nil, err
		}
		prefixes = []string{fieldname.Fold(pomeriumPrefix)}
	}
	fields, err := override(c, fields)
	if err != nil {
		return nil, err
	}
	return newHeaders(fields, prefixes...), nil
}

// withClaims returns the fields of pomerium, and one for each further claim. It refuses two
// claims with one field: the upstream would get one of them for the other.
func withClaims(fields []field, claims []string) ([]field, error) {
	fields = slices.Clone(fields)
	for _, claim := range claims {
		name := textproto.CanonicalMIMEHeaderKey(pomeriumPrefix + strings.NewReplacer("_", "-", ".", "-").Replace(claim))
		known := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		switch {
		case known >= 0 && fields[known].claim != claim:
			return nil, fmt.Errorf("identity pomerium would send the claims %q and %q in one header %s; take one of them out of claims", fields[known].claim, claim, name)
		case known < 0 && fieldname.IsValid(name):
			fields = append(fields, field{name: name, claim: claim})
		}
	}
	return fields, nil
}

// override returns the fields of a preset with the claims that the configuration names
// instead.
func override(c *Config, fields []field) ([]field, error) {
	changed, err := named(c.Headers)
	if err != nil {
		return nil, err
	}
	fields = slices.Clone(fields)
	for _, change := range changed {
		at := slices.IndexFunc(fields, func(f field) bool { return fieldname.Fold(f.name) == fieldname.Fold(change.name) })
		if at < 0 {
			names := make([]string, len(fields))
			for i := range fields {
				names[i] = fields[i].name
			}
			return nil, fmt.Errorf("identity %s has no header %q; it has %s. For other headers use a block without a preset",
				c.Preset, change.name, strings.Join(names, ", "))
		}
		fields[at].claim = change.claim
	}
	return fields, nil
}

// named returns the fields of a map from names to claims.
func named(headers map[string]string) ([]field, error) {
	names := make(map[string]string, len(headers))
	var fields []field
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		claim, folded := headers[name], fieldname.Fold(name)
		switch {
		case !fieldname.IsValid(name):
			return nil, fmt.Errorf("identity header %q is not a field name", name)
		case slices.Contains(reservedFields, folded):
			return nil, fmt.Errorf("identity header %q is one that HTTP itself needs; choose another", name)
		case claim == "":
			return nil, fmt.Errorf("identity header %q has no claim", name)
		case names[folded] != "":
			return nil, fmt.Errorf("identity headers %q and %q are one to many upstreams", names[folded], name)
		}
		names[folded] = name
		fields = append(fields, field{name: name, claim: claim})
	}
	return fields, nil
}

// reservedFields would break the request if the gate set them from a token.
var reservedFields = []string{
	"authorization", "connection", "content-encoding", "content-length", "content-type", "cookie", "expect",
	"host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
}
