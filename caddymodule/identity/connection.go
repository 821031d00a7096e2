package identity

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/fieldname"
)

// Keep names further fields that no Connection field may make the proxy drop. Empty names
// are ignored.
func (h *Headers) Keep(names ...string) {
	for _, name := range names {
		if name != "" {
			h.kept = append(h.kept, fieldname.Fold(name))
		}
	}
}

// stripConnection removes the names of owned and kept fields from the Connection field:
// reverse_proxy deletes every field that is named there after this handler, also those that
// Set sets.
//
// Attack: Connection: Authorization. The gate admits the request for its token. The
// upstream reads the token again to see what the user may do, and finds no user.
func (h *Headers) stripConnection(header http.Header, connection []string) {
	if !slices.ContainsFunc(connection, h.needsMember) {
		return
	}
	var kept []string
	for _, value := range connection {
		for option := range fieldname.Members(value) {
			if !h.needs(option) {
				kept = append(kept, option)
			}
		}
	}
	if len(kept) == 0 {
		delete(header, "Connection")
		return
	}
	header["Connection"] = []string{strings.Join(kept, ", ")}
}

// needsMember reports whether a member of a list is a name that is needed.
func (h *Headers) needsMember(list string) bool {
	for member := range fieldname.Members(list) {
		if h.needs(member) {
			return true
		}
	}
	return false
}

// needs reports whether the proxy must not drop a field of this name.
func (h *Headers) needs(name string) bool {
	return fieldname.In(name, h.kept) || h.Owns(name)
}
