package caddymodule

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// userPrefix is the prefix of the placeholders that tell who the user is.
const userPrefix = "http.auth.user."

// anonymous is the value of every placeholder that tells who the user is, for a request of
// nobody in particular: empty. Values that another handler sets come first.
func anonymous(key string) (any, bool) { return "", strings.HasPrefix(key, userPrefix) }

// passAnonymous passes on a request that needs no token. Every such request goes through it.
//
// Attack: `header_up X-User {http.auth.user.id}`. Caddy leaves a placeholder that it does not
// know as it is written. So the upstream would get the text `{http.auth.user.id}` as the name
// of the user, and somebody could register under that name.
func passAnonymous(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	emptyUser(r)
	return next.ServeHTTP(w, r)
}

// emptyUser makes the placeholders that tell who the user is empty.
func emptyUser(r *http.Request) {
	if replacer, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		replacer.Map(anonymous)
	}
}
