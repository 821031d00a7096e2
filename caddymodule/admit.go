package caddymodule

import (
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/credential"
	"github.com/sessiongate/sessiongate/caddymodule/metrics"
	"github.com/sessiongate/sessiongate/caddymodule/paths"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/streams"
)

// admit decides whether a guarded request is admitted, and prepares it for the upstream. An
// admitted request is entered in the table of running requests.
func (g *Gate) admit(w http.ResponseWriter, r *http.Request) (*streams.Request, *reply.Denial) {
	if !g.extractor.Agrees(r, paths.IsOverride) {
		return nil, caller.DenyCredential(credential.ErrSeveral)
	}
	now := time.Now()
	t, _, deny := g.caller.Read(r, &now)
	if deny != nil {
		return nil, deny
	}
	running, verdict := g.app.hub.Enter(w, r, &t.Keys, g.end, now)
	if deny := g.caller.Deny(t, verdict, now); deny != nil {
		return nil, caller.Of(t, deny, caller.VerdictError(verdict))
	}
	g.caller.Note(t, now)
	if g.isTraced() {
		traceOutcome(r, metrics.Admitted, "")
	}
	if replacer, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		replacer.Map(t.View(g.view))
	}
	g.takeQuery(r)
	if g.StripToken {
		g.extractor.Strip(r)
	}
	g.identity.Set(r.Header, t)
	return running, nil
}

// takeQuery removes a token from the query of a request for the upstream.
//
// Attack: read tokens in the application's access log. Before a page of another origin sends a
// request, the browser sends a preflight, with the same address.
func (g *Gate) takeQuery(r *http.Request) {
	if g.Token.Query != "" {
		g.extractor.TakeQuery(r)
		// FastCGI sends the original query, in REQUEST_URI.
		g.extractor.TakeNamed(r, originalOf(r).URL, paths.IsOverride)
	}
}
