package caddymodule

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/credential"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/identity"
	"github.com/sessiongate/sessiongate/caddymodule/metrics"
	"github.com/sessiongate/sessiongate/caddymodule/navigation"
	"github.com/sessiongate/sessiongate/caddymodule/paths"
	"github.com/sessiongate/sessiongate/caddymodule/refusals"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/streams"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

func init() {
	caddy.RegisterModule(Gate{})
}

// defaultEndpoint is the default path of the session API.
const defaultEndpoint = "/v1/auth/session"

// Gate is a handler that admits a request only if its token is valid and its session is not
// revoked. It answers `DELETE /v1/auth/session` itself, and passes other admitted requests
// to the next handler.
//
// It answers 401 if the credential is missing, malformed, invalid, expired or revoked. It
// answers 400 if there are several credentials. It answers 503 while it cannot prove that
// its set of revocations is fresh. It answers 405 to every CONNECT, except a CONNECT that
// opens a WebSocket (RFC 8441, RFC 9220). It ignores an upgrade to HTTP or TLS, such as
// h2c. It drops request trailers.
//
// For an admitted request it sets the placeholders `{http.auth.user.id}` (`sub`),
// `{http.auth.user.session_id}`, `{http.auth.user.token_id}`, `{http.auth.user.issuer}`,
// and `{http.auth.user.<claim>}` for each configured claim. For a request that passes
// without a token, all of them are empty. For a refused request,
// `{http.session_gate.reason}` is one of `missing`, `malformed`, `several`, `invalid`,
// `expired`, `revoked`, `unavailable`, `method`, `path` and `cross_site`.
//
// The issuers and the store are configured in the app `session_gate`.
type Gate struct {
	// Endpoint is the path of the session API. A DELETE of it revokes the caller's session,
	// or the session that its body names.
	// Default: /v1/auth/session.
	Endpoint string `json:"endpoint,omitempty"`

	// Token is where requests carry their credential. Default: the header Authorization.
	Token *TokenSource `json:"token,omitempty"`

	// Optional lets requests without a token pass, without identity. A token that is not
	// accepted is still 401, and the gate's own paths still need one. The upstream decides
	// what anybody may see. List every place in `token` where it reads tokens: the gate does
	// not look elsewhere. Default: false.
	Optional bool `json:"optional,omitempty"`

	// Public lists paths that need no token: exact paths, and prefixes that end in /*. If a
	// trusted proxy names another path in X-Original-URL, X-Original-URI, X-Rewrite-URL or
	// X-Forwarded-Uri, that path has to be public, too. The same holds for a prefix of the
	// path in Script-Name, X-Script-Name, X-Forwarded-Script-Name, X-Forwarded-Prefix,
	// X-Traversal-Path or X-Vhm-Root. The gate deletes these fields from requests of other
	// senders: those whose address is not in `servers { trusted_proxies }`. Default: none.
	Public []string `json:"public,omitempty"`

	// Identity lists the headers that tell the upstream who the user is. The gate removes
	// them from requests and sets them from the token. Default: none.
	Identity *identity.Config `json:"identity,omitempty"`

	// Claims lists claims that are set as placeholders: top-level claims, or dotted paths such
	// as `realm_access.roles`. A claim of exactly that name comes first. Default: none.
	Claims []string `json:"claims,omitempty"`

	// CORS lists the origins whose pages may call the session API from a browser. These pages
	// may also read every other answer of the gate's own, such as a 401. The upstream answers
	// for itself. Default: none.
	CORS []string `json:"cors,omitempty"`

	// AdminScope is the scope that lets its holders revoke the session of any subject of
	// their issuer. Default: none.
	AdminScope string `json:"admin_scope,omitempty"`

	// StripToken removes the token from requests to the upstream. Default: false.
	StripToken bool `json:"strip_token,omitempty"`

	// Streams is when the gate cuts a running request, within a second. Running requests
	// are for example downloads, uploads, server-sent events, long polls, gRPC and
	// WebSockets. With `session`, the gate cuts a request when its session, token, subject
	// or issuer is revoked. With `expiry`, it also cuts it when the token expires, leeway
	// included. A newer token of the same session that this gate has admitted extends that
	// time, so clients must refresh, and must send their requests to the gate of the stream.
	// Default: session.
	Streams string `json:"streams,omitempty"`

	// TokenEndpoint lists the upstream's token endpoints (RFC 6749 §3.2), which need no
	// access token. The gate does not pass on a revoked refresh token, and withholds new
	// tokens of a revoked session; both are answered 400 invalid_grant. If the gate cannot
	// check a token, it answers 503; if it cannot read the upstream's response, 502.
	// Request bodies are forms or JSON of at most 64 KiB, responses at most 256 KiB. The
	// gate answers 400 to other spellings of the path, also with a format at the end
	// (/oauth/token.json), and to a request that servers could read as two grants.
	// A request to a path that differs by a trailing slash is another spelling. Default: none.
	TokenEndpoint []TokenEndpoint `json:"token_endpoint,omitempty"`

	// SessionsEndpoint is the path of the caller's own sessions. GET lists them. DELETE
	// revokes all of them, DELETE with ?except=current all but the caller's. DELETE of the
	// path followed by / and a session id revokes that session. Default: none.
	SessionsEndpoint string `json:"sessions_endpoint,omitempty"`

	// BackchannelLogout is the path to which issuers send logout tokens by POST (OpenID
	// Connect Back-Channel Logout 1.0). The answer is 200 when no gate admits the session
	// any more, and 503 while that is not certain. It is 400 for a token that is invalid or
	// was received before. Default: none.
	BackchannelLogout string `json:"backchannel_logout,omitempty"`

	// Audience lists the accepted audiences of this site, in the claims that the issuer's
	// audience_claim names. A token must hold one of them, besides one of the issuer's.
	// Default: none, so that the issuer's are enough.
	Audience []string `json:"audience,omitempty"`

	// Require lists what a token must hold on this site, besides what its issuer requires. A
	// token without it is refused as on a site for which it was not issued. Default: nothing.
	Require []*Requirement `json:"require,omitempty"`

	// Errors is who writes the response to a refused request. With `json`, the gate writes
	// JSON. With `caddy`, the routes of handle_errors do, with the status in
	// {http.error.status_code}, and the fields WWW-Authenticate, Retry-After, Cache-Control
	// and those of CORS are set. These routes are not guarded: let them write a page, and
	// send no request to the application. The gate's own paths, and CONNECT, always get
	// JSON. Without handle_errors the response is empty, and Caddy logs each 503 as an
	// error. Default: json.
	Errors string `json:"errors,omitempty"`

	// LoginURL is where the gate sends (302) a page that is opened in a browser without a
	// token, or with one that is invalid or has expired. It sends top-level navigations with
	// GET only; every other request gets 401, and so does one to a path of the gate's own. It
	// is an http or https URL. `{uri}` in its query stands for the path and query of the
	// request, escaped; a path that another host could be read from, such as `//evil.example`,
	// gets 401. Default: none.
	LoginURL string `json:"login_url,omitempty"`

	// RevokedURL is where the gate sends a page that is opened in a browser with a revoked
	// token, under the same rules. The page should end the issuer's own session, because that
	// would give the next token of the revoked session. Default: none.
	RevokedURL string `json:"revoked_url,omitempty"`

	app       *App
	logger    *slog.Logger
	routes    []route
	untrusted *sync.Map // the folded names of deleted fields that were already logged
	extractor credential.Extractor
	public    *paths.Public
	identity  *identity.Headers
	caller    *caller.Reader
	origins   caller.Origins
	end       streams.End
	refusals  *refusals.Log
	traced    *atomic.Bool // that of the app; nil in tests
	// accessLogged reports whether Caddy writes an access log of the server.
	accessLogged bool

	view int
	site int

	login, revoked *navigation.Redirect // nil for none
}

// CaddyModule returns the Caddy module information.
func (Gate) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.session_gate",
		New: func() caddy.Module { return new(Gate) },
	}
}

// Provision resolves placeholders and finds the app.
func (g *Gate) Provision(ctx caddy.Context) error {
	app, err := ctx.App("session_gate")
	if err != nil {
		return fmt.Errorf("finding the app session_gate: %w", err)
	}
	if err := g.provision(app.(*App), ctx.Slogger()); err != nil {
		return err
	}
	g.accessLogged = logsOf(ctx) != nil
	g.warnOfLogs(logsOf(ctx))
	g.warnOfAdmission()
	// A handler that is loaded without a server serves no requests.
	if server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok {
		server.RegisterConnContext(streams.Connection)
	}
	return nil
}

func (g *Gate) provision(app *App, logger *slog.Logger) error {
	g.app, g.logger, g.refusals, g.traced = app, logger, app.refusals, app.traced
	app.gates++
	if err := g.resolve(); err != nil {
		return err
	}
	if err := g.check(); err != nil {
		return err
	}
	g.view = g.app.verifier.AddView(g.Claims)
	var err error
	if g.site, err = g.app.verifier.AddSite(token.Site{Audiences: g.Audience, Require: requirements(g.Require)}); err != nil {
		return err
	}
	return g.prepare()
}

func (g *Gate) prepare() (err error) {
	g.extractor = credential.NewExtractor(credential.Places{
		Header: g.Token.Header, Cookie: g.Token.Cookie, Query: g.Token.Query,
		Protocol: g.Token.WebSocketProtocol, Optional: g.Optional,
	})
	if g.Streams == "expiry" {
		g.end = streams.AtExpiry
	}
	g.untrusted = new(sync.Map)
	if g.public, err = paths.NewPublic(g.Public); err != nil {
		return fmt.Errorf("checking session_gate: %w", err)
	}
	if err = errors.Join(g.prepareIdentity(), g.prepareRedirects()); err != nil {
		return err
	}
	if g.origins, err = caller.NewOrigins(g.CORS, g.Token.Cookie != ""); err != nil {
		return fmt.Errorf("checking session_gate: %w", err)
	}
	g.caller = caller.New(caller.Options{Credential: g.extractor, Verifier: g.app.verifier, Hub: g.app.hub, Site: g.site, Logger: g.logger, Traced: g.traced, Trace: traceToken})
	return g.prepareRoutes()
}

// ServeHTTP decides about one request.
//
// Invariant 1: verify first, then check, then forward. One token leads to one decision,
// from verified claims only.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if reply.IsMethod(r.Method, http.MethodConnect) && !opensWebSocket(r) {
		return g.refuse(w, r, denyConnect)
	}
	g.strip(r)
	// Attack: GET x:admin. reverse_proxy sends url.URL.Opaque, and neither a rewrite nor
	// this gate changes that. So the upstream sees another path than the gate has judged.
	if r.URL.Opaque != "" {
		return g.refuse(w, r, denyTarget)
	}
	if served, err := g.serveRoutes(w, r, next); served {
		return err
	}
	if caller.IsPreflight(r) {
		reply.DropBody(r)
		g.takeQuery(r)
		g.settle(r, metrics.Preflight)
		return passAnonymous(w, r, next)
	}
	if g.public.Match(r) {
		g.settle(r, metrics.Public)
		return passAnonymous(w, r, next)
	}
	running, deny := g.admit(w, r)
	if g.Optional && deny.Is(reply.Missing) {
		g.settle(r, metrics.Optional)
		return passAnonymous(w, r, next)
	}
	if deny != nil {
		g.settleRefusal(r, deny)
		if g.redirectPage(w, r, deny) {
			return nil
		}
		return g.refuseGuarded(w, r, deny)
	}
	defer hub.Leave(running)
	w = g.takeOffered(w, r)
	if streams.Tunnels(r) {
		w, r = running.Tunnel(w, r)
	}
	return next.ServeHTTP(w, r)
}

var (
	_ caddy.Provisioner           = (*Gate)(nil)
	_ caddyhttp.MiddlewareHandler = (*Gate)(nil)
)
