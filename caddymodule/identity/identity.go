package identity

import (
	"iter"
	"net/http"
	"net/textproto"
	"slices"

	"github.com/sessiongate/sessiongate/caddymodule/fieldname"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// Headers strips the header fields that tell the upstream who the user is, and sets them
// from a verified token. The zero Headers owns no field.
//
// Keep and Bind are for provisioning. All other methods are safe for concurrent use then.
type Headers struct {
	fields []field
	// prefixes are owned as a whole, folded, as x-pomerium-claim- is.
	prefixes []string
	// lengths has a bit for each length of an owned name, to exclude most names without
	// reading them. Longer names share the last bit.
	lengths uint64
	// kept are folded names of fields that Headers does not own, and that the proxy must
	// not drop either: the fields with the credential.
	kept []string
	// view is where tokens keep the texts of the claims.
	view int
}

// field is one header field and the claim that it is set from.
type field struct {
	name   string // canonical
	folded string
	claim  string
	at     int // the place of the claim in the view
}

// newHeaders returns the Headers with these fields.
func newHeaders(fields []field, prefixes ...string) *Headers {
	h := &Headers{prefixes: prefixes}
	for _, f := range fields {
		f.name = textproto.CanonicalMIMEHeaderKey(f.name)
		f.folded = fieldname.Fold(f.name)
		h.fields = append(h.fields, f)
		h.lengths |= lengthBit(f.name)
	}
	return h
}

// Bind asks a verifier to keep the texts of the claims ready in its tokens. Call it before
// the verifier serves requests, and before Set. Set takes tokens of that verifier only.
func (h *Headers) Bind(verifier *token.Verifier) {
	claims := make([]string, len(h.fields))
	for i := range h.fields {
		claims[i] = h.fields[i].claim
	}
	h.view = verifier.AddView(claims)
	slices.Sort(claims)
	claims = slices.Compact(claims)
	for i := range h.fields {
		h.fields[i].at = slices.Index(claims, h.fields[i].claim)
	}
}

// All iterates over the canonical names of the fields that Set sets, and their claims.
func (h *Headers) All() iter.Seq2[string, string] {
	return func(yield func(name, claim string) bool) {
		for i := range h.fields {
			if !yield(h.fields[i].name, h.fields[i].claim) {
				return
			}
		}
	}
}

func lengthBit(name string) uint64 { return 1 << min(len(name), 63) }

// Owns reports whether some reader could read a field of this name as a field that Set
// sets, or as a field with an owned prefix. CGI and its successors ignore letter case, and
// do not distinguish `_`, `.` or another sign from `-`. Owns does not allocate.
func (h *Headers) Owns(name string) bool {
	if h.lengths&lengthBit(name) != 0 {
		for i := range h.fields {
			if fieldname.Equal(name, h.fields[i].folded) {
				return true
			}
		}
	}
	for _, prefix := range h.prefixes {
		if len(name) >= len(prefix) && fieldname.Equal(name[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

// Strip removes from a client's request:
//
//   - each owned field, and all trailers,
//   - names in Connection that make the proxy drop owned or kept fields,
//   - each other field for which remove returns true, except Connection. So a gate reads
//     the header once. A nil remove removes none.
//
// Strip does not allocate unless a Connection field names an owned or kept field.
//
// Invariant 9: no identity header that a client sent reaches the upstream: in no spelling,
// not as a trailer, and no Connection field makes the proxy drop those that Set sets.
func (h *Headers) Strip(r *http.Request, remove func(name string) bool) {
	for name, values := range r.Header {
		switch {
		case name == "Connection":
			h.stripConnection(r.Header, values)
		case h.Owns(name), remove != nil && remove(name):
			delete(r.Header, name)
		}
	}
	// Trailers arrive after the body, and may have any name. The reverse proxy copies the
	// map after the body. Without the map, it sends no trailer.
	r.Trailer = nil
}

// Set sets the fields from a verified token. If the token lacks a claim, or its text would
// not arrive as it is (token.Text), its field stays unset.
func (h *Headers) Set(header http.Header, t *token.Verified) {
	if len(h.fields) == 0 {
		return
	}
	texts := t.Texts(h.view)
	values := takeValues(len(h.fields))
	for i := range h.fields {
		f := &h.fields[i]
		if claim := texts[f.at]; claim.Field {
			values[i] = claim.Text
			header[f.name] = values[i : i+1 : i+1]
		}
	}
}
