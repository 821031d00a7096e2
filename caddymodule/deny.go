package caddymodule

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// reasonKey is the placeholder that tells logs and metrics why the gate refused a request.
// The response body does not contain the reason.
const reasonKey = "http.session_gate.reason"

// These denials answer requests with a wrong target or method, before the gate looks for a
// credential.
var (
	denyTarget = reply.New(http.StatusBadRequest, "invalid_request",
		"The request target has no path.", "").Because("path")
	denyAmbiguous = reply.New(http.StatusBadRequest, "invalid_request",
		"The path is another spelling of one that the gate serves.", "").Because("path")
	denyMethodCase = reply.New(http.StatusBadRequest, "invalid_request",
		"Methods are case-sensitive: write the method in capital letters.", "").Because("method")
	denyConnect = reply.New(http.StatusMethodNotAllowed, "method_not_allowed",
		"CONNECT is not allowed, except to open a WebSocket.", "").Because("method").
		Allowing("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
)

// refuse counts a request as refused, and writes the denial.
func (g *Gate) refuse(w http.ResponseWriter, r *http.Request, deny *reply.Denial) error {
	g.settleRefusal(r, deny)
	return g.write(w, r, deny)
}

// write writes a denial as the response, which pages of the origins in cors may read. It
// sets the placeholder to the reason of the denial.
func (g *Gate) write(w http.ResponseWriter, r *http.Request, deny *reply.Denial) error {
	g.origins.Allow(w, r)
	note(r, deny)
	g.report(r, deny)
	return deny.Write(w, r)
}

// refuseGuarded refuses a request to a guarded path, which the caller has counted. With `errors
// caddy` it returns the denial as an error, so that the routes of handle_errors write the
// response.
//
// Attack: these routes are not guarded. One of them may send the request on, to a server of
// error pages or to the application itself. So the request loses its body, its token and its
// upgrade: it can ask for a page, and for nothing in the name of a user. A CONNECT would
// open a tunnel to that server, so it never gets there.
func (g *Gate) refuseGuarded(w http.ResponseWriter, r *http.Request, deny *reply.Denial) error {
	original := originalOf(r) // the routes of handle_errors see this one
	if g.Errors != "caddy" || r.Method == http.MethodConnect || original.Method == http.MethodConnect {
		return g.write(w, r, deny)
	}
	g.origins.Allow(w, r)
	note(r, deny)
	g.report(r, deny)
	emptyUser(r) // the routes of handle_errors may name them, too
	deny.Announce(w, r)
	reply.DropBody(r)
	g.extractor.Strip(r)
	g.extractor.TakeOffered(r.Header)
	g.takeQuery(r)
	delete(r.Header, "Upgrade")
	return caddyhttp.Error(deny.Status, errors.New(deny.Message))
}

// note sets the placeholder to the reason of a denial.
func note(r *http.Request, deny *reply.Denial) {
	if replacer, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok && deny.Reason != "" {
		replacer.Set(reasonKey, deny.Reason)
	}
}
