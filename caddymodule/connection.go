package caddymodule

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/fieldname"
)

// keep names fields that no Connection field may have dropped; empty names are
// none.
func (id *identity) keep(names ...string) {
	for _, name := range names {
		if name != "" {
			id.kept = append(id.kept, fieldname.Fold(name))
		}
	}
}

// stripConnection removes from the Connection field the names of what is owned or
// kept: reverse_proxy deletes every field named there, ours included, after this
// handler. It ignores an upgrade to HTTP, too, of which that field has to speak.
//
// Attack: Connection: Authorization. The gate admits the request for its token,
// and the upstream, which looks at the token once more for what the user may do,
// sees a request of nobody.
func (id *identity) stripConnection(header http.Header, connection []string) {
	stripUpgrade(header)
	if !slices.ContainsFunc(connection, id.needsMember) {
		return
	}
	var kept []string
	for _, value := range connection {
		for option := range fieldname.Members(value) {
			if !id.needs(option) {
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
func (id *identity) needsMember(list string) bool {
	for member := range fieldname.Members(list) {
		if id.needs(member) {
			return true
		}
	}
	return false
}

// needs reports whether the upstream has to get a field, or that it is not there.
func (id *identity) needs(name string) bool {
	for _, kept := range id.kept {
		if fieldname.Equal(name, kept) {
			return true
		}
	}
	return id.owns(name)
}
