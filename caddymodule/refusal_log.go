package caddymodule

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/refusals"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// report tells the logs that a request is refused: the access log of Caddy, and the gate's own,
// which has a line only once in a while (package refusals).
func (g *Gate) report(r *http.Request, deny *reply.Denial) {
	reason := cmp.Or(deny.Reason, deny.Code)
	g.annotate(r, reason, deny.Detail.Subject)
	leftOut, ok := g.refusals.Take(reason, deny.Detail.Issuer)
	if !ok {
		return
	}
	method := r.Method
	if original := originalOf(r); original.URL != nil {
		method = original.Method
	}
	clientIP, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	traceID, _ := caddyhttp.GetVar(r.Context(), "trace_id").(string)
	g.refusals.Write(refusals.Refusal{
		Reason: reason, Rule: ruleOf(deny), Issuer: deny.Detail.Issuer, Subject: deny.Detail.Subject,
		ClientIP: clientIP, Method: method, Path: g.shownPath(r), RequestID: g.requestID(r), TraceID: traceID,
	}, leftOut)
}

// ruleOf returns the rule that a request breaks.
func ruleOf(deny *reply.Denial) string {
	if deny.Detail.Err != nil {
		return token.Rule(deny.Detail.Err)
	}
	return strings.TrimSuffix(deny.Message, ".")
}

// requestID returns the id by which the line of the access log can be found. Caddy makes it when
// somebody asks for it, and then writes it into that line. Without an access log, only an id
// that was made already helps. The field X-Request-Id is a client's, and proves nothing.
func (g *Gate) requestID(r *http.Request) string {
	if _, made := caddyhttp.GetVar(r.Context(), "uuid").(fmt.Stringer); !made && !g.accessLogged {
		return ""
	}
	replacer, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if _, prepared := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); !ok || !prepared {
		return ""
	}
	id, _ := replacer.GetString("http.request.uuid")
	return id
}

// signedText is how every token in compact form begins: a header that is a JSON object
// (RFC 7515 §7.1).
const signedText = "eyJ"

// shownPath returns the path of a request as the client sent it, for log lines.
//
// Attack: read session ids in the log, and have the sessions ended. Below sessions_endpoint the
// path holds an id. So a path ends there if some reader could take it for such a one. A path
// also ends where a token seems to begin (invariant 10).
func (g *Gate) shownPath(r *http.Request) string {
	original, u := originalOf(r), r.URL
	if original.URL != nil {
		u = original.URL
	}
	for i := range g.routes {
		route := &g.routes[i]
		if !route.hides {
			continue
		}
		if route.Is(r.URL) || route.Is(u) || route.Resembles(r, original) {
			return route.String() + "/…"
		}
		if at := strings.Index(strings.ToLower(u.Path), strings.ToLower(route.String())+"/"); at >= 0 {
			return route.String() + "/…"
		}
	}
	if at := strings.Index(u.Path, signedText); at >= 0 {
		return (&url.URL{Path: u.Path[:at]}).EscapedPath() + "…"
	}
	return u.EscapedPath()
}
