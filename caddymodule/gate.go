package caddymodule

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/config"
	"github.com/sessiongate/sessiongate/caddymodule/credential"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/identity"
	"github.com/sessiongate/sessiongate/caddymodule/paths"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/streams"
)

func init() {
	caddy.RegisterModule(Gate{})
}

// defaultEndpoint is the path of the session API.
const defaultEndpoint = "/v1/auth/session"

// Gate is a handler that admits only requests whose token is good and whose
// session was not revoked. It answers `DELETE /v1/auth/session` itself and hands
// all else that it admits on to the next handler.
//
// It answers 401 to a request without a credential, or with one that is invalid,
// expired or revoked; 400 to a credential that is broken, or to several; 503
// while the set of revocations cannot be proved fresh. It answers 405 to every
// CONNECT but those that open a WebSocket (RFC 8441, RFC 9220). An upgrade to HTTP or
// TLS, such as h2c, is ignored. Request trailers are dropped.
//
// For requests that it admits it sets the placeholders `{http.auth.user.id}`
// (`sub`), `{http.auth.user.session_id}`, `{http.auth.user.token_id}`,
// `{http.auth.user.issuer}`, and `{http.auth.user.<claim>}` for each of the
// claims named. For those that it refuses, `{http.session_gate.reason}` is one of
// `missing`, `malformed`, `several`, `invalid`, `expired`, `revoked`, `unavailable`,
// `method`, `path` and `cross_site`.
//
// The issuers and the store are those of the app `session_gate`.
type Gate struct {
	// Endpoint is the path at which sessions are ended.
	// Default: /v1/auth/session.
	Endpoint string `json:"endpoint,omitempty"`

	// Token says where requests carry their credential.
	// Default: the header Authorization.
	Token *TokenSource `json:"token,omitempty"`

	// Public lists paths that need no token: exact ones, and prefixes that end
	// in /*. If a trusted proxy names another path in X-Original-URL,
	// X-Original-URI, X-Rewrite-URL or X-Forwarded-Uri, or a prefix of the path in
	// Script-Name, X-Script-Name, X-Forwarded-Script-Name, X-Forwarded-Prefix,
	// X-Traversal-Path or X-Vhm-Root, that path has to be public, too. The gate deletes those
	// fields from requests that do not come from an address of
	// `servers { trusted_proxies }`. Default: none.
	Public []string `json:"public,omitempty"`

	// Identity are the headers that tell the upstream who the user is.
	// Default: none is owned, set or stripped.
	Identity *identity.Config `json:"identity,omitempty"`

	// Claims are given as placeholders. Default: none.
	Claims []string `json:"claims,omitempty"`

	// CORS lists the origins that may call the endpoint from a browser.
	// Default: none.
	CORS []string `json:"cors,omitempty"`

	// AdminScope is the scope whose holders may end the session of any subject
	// of their issuer. Default: none.
	AdminScope string `json:"admin_scope,omitempty"`

	// StripToken keeps the token from the upstream. Default: false.
	StripToken bool `json:"strip_token,omitempty"`

	// Streams says when a request that is still running is cut, within a second:
	// `session`, when its session, token, subject or issuer is revoked, or
	// `expiry`, also when the time of the latest token of its session that this
	// gate has admitted is over, leeway included. Downloads, uploads, server-sent
	// events, long polls, gRPC and WebSockets are such requests. Default: expiry.
	Streams string `json:"streams,omitempty"`

	// TokenEndpoint lists the upstream's token endpoints (RFC 6749 §3.2), which
	// need no access token. A refresh token that is revoked does not get there, and
	// tokens of a revoked session are not handed out: both are answered 400
	// invalid_grant. What cannot be checked is withheld: 503, or 502 where an
	// answer cannot be read. Bodies are forms or JSON of at most 64 KiB, and
	// answers of at most 256 KiB. Other spellings of the path, also with a format at
	// the end (/oauth/token.json), and what readers could take for two grants are
	// answered 400. Default: none.
	TokenEndpoint []string `json:"token_endpoint,omitempty"`

	// SessionsEndpoint is the path at which the caller's own sessions are listed
	// (GET), all of them ended (DELETE), or all but the caller's (DELETE with
	// ?except=current), and below which one is (DELETE of its id). Default: none.
	SessionsEndpoint string `json:"sessions_endpoint,omitempty"`

	// BackchannelLogout is the path to which issuers send logout tokens (OpenID
	// Connect Back-Channel Logout 1.0): POST, answered 200 when no gate admits the
	// session any more, 400 for a token that is not valid or was received before, and
	// 503 while that is not certain. Default: none.
	BackchannelLogout string `json:"backchannel_logout,omitempty"`

	app       *App
	logger    *slog.Logger
	routes    []route
	untrusted *sync.Map // the names, folded, of deleted fields that were warned of
	extractor credential.Extractor
	public    *paths.Public
	identity  *identity.Headers
	caller    *caller.Reader
	origins   caller.Origins
	end       streams.End
	view      int
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
	g.warnOfLogs(logsOf(ctx))
	// Loaded without a server, there is none whose requests would run.
	if server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok {
		server.RegisterConnContext(streams.Connection)
	}
	return nil
}

func (g *Gate) provision(app *App, logger *slog.Logger) error {
	g.app, g.logger = app, logger
	if err := g.resolve(); err != nil {
		return err
	}
	if err := g.check(); err != nil {
		return err
	}
	g.view = g.app.verifier.AddView(g.Claims)
	return g.prepare()
}

func (g *Gate) resolve() error {
	for _, list := range []struct {
		field  string
		values []string
	}{
		{"public", g.Public}, {"claims", g.Claims}, {"cors", g.CORS}, {"token_endpoint", g.TokenEndpoint},
	} {
		if err := config.ResolveAll(list.field, list.values); err != nil {
			return err
		}
	}
	if g.Token == nil {
		g.Token = &TokenSource{Header: "Authorization"}
	}
	if g.Identity != nil {
		if err := resolveIdentity(g.Identity); err != nil {
			return err
		}
	}
	return config.Resolve("session_gate", &g.Endpoint, &g.Token.Header, &g.Token.Cookie, &g.AdminScope,
		&g.Streams, &g.SessionsEndpoint, &g.BackchannelLogout)
}

func (g *Gate) check() error {
	config.SetDefault(&g.Endpoint, defaultEndpoint)
	config.SetDefault(&g.Streams, "expiry")
	builtIn := []string{"id", "session_id", "token_id", "issuer"}
	for _, claim := range g.Claims {
		if slices.Contains(builtIn, claim) {
			return fmt.Errorf("checking session_gate: claims names %q, which {http.auth.user.%s} already means", claim, claim)
		}
	}
	if err := g.Token.check(); err != nil {
		return err
	}
	return config.OneOf("streams", g.Streams, "expiry", "session")
}

func (g *Gate) prepare() (err error) {
	g.extractor = credential.NewExtractor(g.Token.Header, g.Token.Cookie)
	if g.Streams == "session" {
		g.end = streams.ByRevocation
	}
	g.untrusted = new(sync.Map)
	if g.public, err = paths.NewPublic(g.Public); err != nil {
		return fmt.Errorf("checking session_gate: %w", err)
	}
	if err = g.prepareIdentity(); err != nil {
		return err
	}
	if g.origins, err = caller.NewOrigins(g.CORS, g.Token.Cookie != ""); err != nil {
		return fmt.Errorf("checking session_gate: %w", err)
	}
	g.caller = caller.New(caller.Options{Credential: g.extractor, Verifier: g.app.verifier, Hub: g.app.hub})
	return g.prepareRoutes()
}

// ServeHTTP decides about one request.
//
// Invariant 1: verify first, then check, then forward: one token, one decision, from
// verified claims only.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if reply.IsMethod(r.Method, http.MethodConnect) && !opensWebSocket(r) {
		return refuse(w, r, denyConnect)
	}
	g.strip(r)
	// Attack: GET x:admin. What a rewrite, or this gate, makes of the path is not what
	// reverse_proxy sends (url.URL.Opaque).
	if r.URL.Opaque != "" {
		return refuse(w, r, denyTarget)
	}
	if served, err := g.serveRoutes(w, r, next); served {
		return err
	}
	if caller.IsPreflight(r) {
		reply.DropBody(r)
		return next.ServeHTTP(w, r)
	}
	if g.public.Match(r) {
		return next.ServeHTTP(w, r)
	}
	running, deny := g.admit(w, r)
	if deny != nil {
		return refuse(w, r, deny)
	}
	defer hub.Leave(running)
	if streams.Tunnels(r) {
		w, r = running.Tunnel(w, r)
	}
	return next.ServeHTTP(w, r)
}

var (
	_ caddy.Provisioner           = (*Gate)(nil)
	_ caddyhttp.MiddlewareHandler = (*Gate)(nil)
)
