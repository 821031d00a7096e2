package caddymodule

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

const (
	// ownReason is the gate_reason of an answer of the gate's own that refuses nothing.
	ownReason = "own"
	// userKey is the placeholder that Caddy's access log writes as user_id.
	userKey = userPrefix + "id"
	// loggingKey is a placeholder that Caddy sets when it writes the access log, and not before.
	loggingKey = "http.response.duration"
)

// answered is a reply.Answered: it writes the user of an answer into the access log.
func (g *Gate) answered(r *http.Request, subject string) { g.annotate(r, ownReason, subject) }

// annotate adds to the line of a request in Caddy's access log why the gate answered it itself,
// as gate_reason, and to whom, as user_id. Admitted requests have a user_id as well, and no
// gate_reason.
func (g *Gate) annotate(r *http.Request, reason, subject string) {
	if !g.accessLogged {
		return
	}
	if fields, ok := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok {
		fields.Set(zap.String("gate_reason", reason))
	}
	if replacer, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok && subject != "" {
		replacer.Map(whenLogged(replacer, subject))
	}
}

// whenLogged is the value of the placeholder userKey while Caddy writes the access log, and
// nothing before. A second field user_id would occur twice in the line.
//
// Attack: a request with a revoked token is refused, and handle_errors, or a handler before the
// gate that replaces the answer, sends it to a server with the name of the user.
func whenLogged(replacer *caddy.Replacer, subject string) caddy.ReplacerFunc {
	return func(key string) (any, bool) {
		if key != userKey {
			return nil, false
		}
		if _, logging := replacer.Get(loggingKey); !logging {
			return nil, false
		}
		return subject, true
	}
}
