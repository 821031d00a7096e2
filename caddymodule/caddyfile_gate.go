package caddymodule

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/config"
	"github.com/sessiongate/sessiongate/caddymodule/identity"
)

func init() {
	httpcaddyfile.RegisterDirective("session_gate", parseGateDirective)
	httpcaddyfile.RegisterHandlerDirective("session_gate_health", parseHealthDirective)
	// The gate comes after the handlers that rewrite a request, and before the handlers
	// that act on it: the gate sees the path that the upstream will see.
	httpcaddyfile.RegisterDirectiveOrder("session_gate", httpcaddyfile.Before, "basic_auth")
	httpcaddyfile.RegisterDirectiveOrder("session_gate_health", httpcaddyfile.Before, "basic_auth")
}

// parseGateDirective reads the directive session_gate. It warns if there is a matcher: the
// gate neither guards other requests nor strips their identity headers.
func parseGateDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	if !h.Next() {
		return nil, h.ArgErr()
	}
	matcher, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, err
	}
	gate := new(Gate)
	if err := gate.UnmarshalCaddyfile(h.Dispenser); err != nil {
		return nil, err
	}
	if err := checkLogs(h, gate.Token); err != nil {
		return nil, err
	}
	if matcher != nil {
		config.WarnAt(h.Dispenser, "what the matcher of session_gate leaves out is neither guarded nor stripped of identity headers; "+
			"use public for paths that need no token")
	}
	gate.warnOfPages(h.Dispenser)
	return h.NewRoute(matcher, gate), nil
}

// UnmarshalCaddyfile reads the gate. Syntax, with the defaults:
//
//	session_gate [<matcher>] {
//		endpoint /v1/auth/session
//		token header Authorization     # and, or instead: cookie, query <name>, websocket_protocol <prefix>
//		optional                       # requests without a token pass
//		public <path>...
//		identity <preset>              # and, or instead, a block { <header> <claim> … }
//		claims <claim>...
//		cors <origin>...
//		admin_scope <scope>
//		strip_token
//		streams session                # or expiry
//		token_endpoint <path>... {     # the block may be left out
//			access_token <member>...
//			refresh_token <member>...
//		}
//		sessions_endpoint <path>
//		backchannel_logout <path>
//		audience <aud>...                 # besides the issuer's
//		require <claim> <value>...        # repeatable, besides the issuer's
//		errors json                    # or caddy: handle_errors
//		login_url <url>
//		revoked_url <url>
//	}
func (g *Gate) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.CountRemainingArgs() != 0 {
		return config.Parsing(d, "session_gate", errors.New("values before the block; write: session_gate [<matcher>] { … }"))
	}
	return g.words().Read(d, blockOfApp(), blockOfIssuer())
}

// words are the words of a gate's block.
func (g *Gate) words() config.Words {
	return config.Words{
		"endpoint":           {Usage: "endpoint /v1/auth/session", Read: config.Text(&g.Endpoint)},
		"token":              {Usage: tokenUsage, Read: g.readToken, Repeatable: true},
		"optional":           {Usage: "optional", Read: config.Flag(&g.Optional)},
		"public":             {Usage: "public <path>...", Read: config.Texts(&g.Public)},
		"identity":           {Usage: "identity oauth2_proxy | authelia | pomerium [{ <header> <claim> }], or identity { <header> <claim> }", Read: g.readIdentity},
		"claims":             {Usage: "claims <claim>...", Read: config.Texts(&g.Claims)},
		"cors":               {Usage: "cors <origin>...", Read: config.Texts(&g.CORS)},
		"admin_scope":        {Usage: "admin_scope <scope>", Read: config.Text(&g.AdminScope)},
		"strip_token":        {Usage: "strip_token", Read: config.Flag(&g.StripToken)},
		"streams":            {Usage: "streams session | expiry", Read: config.Choice(&g.Streams, "session", "expiry")},
		"token_endpoint":     {Usage: "token_endpoint <path>... [{ … }]", Read: g.readTokenEndpoint, Repeatable: true},
		"sessions_endpoint":  {Usage: "sessions_endpoint <path>", Read: config.Text(&g.SessionsEndpoint)},
		"audience":           {Usage: "audience <aud>...", Read: config.Texts(&g.Audience)},
		"require":            {Usage: "require <claim> <value>...", Read: readRequirement(&g.Require), Repeatable: true},
		"login_url":          {Usage: "login_url https://id.example.com/login?next={uri}", Read: readURL(&g.LoginURL)},
		"revoked_url":        {Usage: "revoked_url https://id.example.com/logout", Read: readURL(&g.RevokedURL)},
		"backchannel_logout": {Usage: "backchannel_logout <path>", Read: config.Text(&g.BackchannelLogout)},
		"errors":             {Usage: "errors json | caddy", Read: config.Choice(&g.Errors, "json", "caddy")},
	}
}

const tokenUsage = "token header <name> | cookie <name> | query <name> | websocket_protocol <prefix>"

// readToken reads one source. Each source may be configured once.
func (g *Gate) readToken(d *caddyfile.Dispenser) error {
	values := d.RemainingArgs()
	if len(values) != 2 || values[1] == "" {
		return fmt.Errorf("%d values, want one of header, cookie, query, websocket_protocol, and its name", len(values))
	}
	if g.Token == nil {
		g.Token = new(TokenSource)
	}
	sources := map[string]*string{
		"header": &g.Token.Header, "cookie": &g.Token.Cookie, "query": &g.Token.Query, "websocket_protocol": &g.Token.WebSocketProtocol,
	}
	source, known := sources[values[0]]
	switch {
	case !known:
		return fmt.Errorf("%q is none of header, cookie, query, websocket_protocol", values[0])
	case *source != "":
		return config.Specified(d, "token "+values[0], tokenUsage)
	}
	*source = values[1]
	return g.Token.checkNames()
}

// readIdentity reads a preset, a block of headers and claims, or both.
func (g *Gate) readIdentity(d *caddyfile.Dispenser) error {
	g.Identity = new(identity.Config)
	if d.CountRemainingArgs() > 0 {
		if err := config.Choice(&g.Identity.Preset, "oauth2_proxy", "authelia", "pomerium")(d); err != nil {
			return err
		}
	}
	g.Identity.Headers = make(map[string]string)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		header := d.Val()
		if _, known := g.Identity.Headers[header]; known {
			return config.Specified(d, header, header+" <claim>")
		}
		var claim string
		if err := config.Text(&claim)(d); err != nil {
			return config.Parsing(d, header, fmt.Errorf("%w; write: %s <claim>", err, header))
		}
		g.Identity.Headers[header] = claim
	}
	if g.Identity.Preset == "" && len(g.Identity.Headers) == 0 {
		return errors.New("neither a preset nor a block of headers")
	}
	return nil
}

// parseHealthDirective reads the directive session_gate_health. Syntax:
//
//	session_gate_health [<matcher>]
func parseHealthDirective(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	health := new(Health)
	return health, health.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile reads the health handler, which has no options.
func (h *Health) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.CountRemainingArgs() != 0 {
		return config.Parsing(d, "session_gate_health", errors.New("it has no values; write: session_gate_health [<matcher>]"))
	}
	return config.NoBlock(d, "session_gate_health")
}

var (
	_ caddyfile.Unmarshaler = (*Gate)(nil)
	_ caddyfile.Unmarshaler = (*Health)(nil)
)
