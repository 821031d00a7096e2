package caddymodule

import (
	"net/http"
	"net/textproto"
	"slices"
	"sync/atomic"

	"github.com/sessiongate/sessiongate/caddymodule/fieldname"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// identity strips the header fields that tell the upstream who the user is, and
// sets them from a verified token. The zero identity owns no field.
type identity struct {
	fields []identityField
	// prefixes are owned as a whole, folded, as x-pomerium-claim- is.
	prefixes []string
	// lengths has a bit for each length of an owned name, so that most names
	// are told apart without being read; longer ones share the last bit.
	lengths uint64
	// kept are fields, folded, that are not ours and that the proxy must not drop
	// either: those that the credential is looked for in.
	kept []string
	// view is where tokens keep the texts of the claims.
	view int
}

// identityField is one field and the claim it is set from.
type identityField struct {
	name   string // canonical
	folded string
	claim  string
	at     int // the place of the claim in the view
}

// newIdentity returns the identity with these fields, by name to claim.
func newIdentity(fields []identityField, prefixes ...string) *identity {
	id := &identity{prefixes: prefixes}
	for _, field := range fields {
		field.name = textproto.CanonicalMIMEHeaderKey(field.name)
		field.folded = fieldname.Fold(field.name)
		id.fields = append(id.fields, field)
		id.lengths |= lengthBit(field.name)
	}
	return id
}

// bind asks a verifier to keep the texts of the claims ready in its tokens. It
// must be called before set, and before the verifier serves requests.
func (id *identity) bind(verifier *token.Verifier) {
	claims := make([]string, len(id.fields))
	for i := range id.fields {
		claims[i] = id.fields[i].claim
	}
	id.view = verifier.AddView(claims)
	slices.Sort(claims)
	claims = slices.Compact(claims)
	for i := range id.fields {
		id.fields[i].at = slices.Index(claims, id.fields[i].claim)
	}
}

func lengthBit(name string) uint64 { return 1 << min(len(name), 63) }

// owns reports whether a field name is one of ours for some reader: letter case,
// and `_`, `.` or another sign in the place of `-`, make no difference to CGI and
// its heirs.
func (id *identity) owns(name string) bool {
	if id.lengths&lengthBit(name) != 0 {
		for i := range id.fields {
			if fieldname.Equal(name, id.fields[i].folded) {
				return true
			}
		}
	}
	for _, prefix := range id.prefixes {
		if len(name) >= len(prefix) && fieldname.Equal(name[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

// set sets the fields from a verified token. A claim that is missing, or that
// would not arrive as it is (token.Text), leaves its field unset.
func (id *identity) set(header http.Header, t *token.Verified) {
	if len(id.fields) == 0 {
		return
	}
	texts := t.Texts(id.view)
	values := takeValues(len(id.fields))
	for i := range id.fields {
		field := &id.fields[i]
		if claim := texts[field.at]; claim.Field {
			values[i] = claim.Text
			header[field.name] = values[i : i+1 : i+1]
		}
	}
}

// valuesBlock is where field values are taken from. A header field needs a slice
// of its own, which whoever comes after us may keep or write to, so that none is
// ever used twice; cut from a block, many cost one allocation.
type valuesBlock struct {
	used   atomic.Int64
	values [256]string
}

var values atomic.Pointer[valuesBlock]

// takeValues returns n empty values that nobody else has. It is safe for
// concurrent use.
func takeValues(n int) []string {
	for {
		block := values.Load()
		if block != nil {
			if end := block.used.Add(int64(n)); end <= int64(len(block.values)) {
				return block.values[end-int64(n) : end : end]
			}
		}
		if n > len(new(valuesBlock).values) {
			return make([]string, n)
		}
		values.CompareAndSwap(block, new(valuesBlock))
	}
}
