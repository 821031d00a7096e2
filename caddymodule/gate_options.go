package caddymodule

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sessiongate/sessiongate/caddymodule/config"
)

// resolve replaces the placeholders in the options, and sets defaults that depend on none.
func (g *Gate) resolve() error {
	for _, list := range []struct {
		field  string
		values []string
	}{
		{"public", g.Public},
		{"claims", g.Claims},
		{"cors", g.CORS},
		{"audience", g.Audience},
	} {
		if err := config.ResolveAll(list.field, list.values); err != nil {
			return err
		}
	}
	for i := range g.TokenEndpoint {
		if err := g.TokenEndpoint[i].resolve(); err != nil {
			return err
		}
	}
	if err := resolveRequirements("require", g.Require); err != nil {
		return err
	}
	if g.Token == nil {
		g.Token = &TokenSource{Header: "Authorization"}
	}
	if err := errors.Join(resolveURL("login_url", &g.LoginURL), resolveURL("revoked_url", &g.RevokedURL)); err != nil {
		return err
	}
	if g.Identity != nil {
		if err := resolveIdentity(g.Identity); err != nil {
			return err
		}
	}
	return config.Resolve("session_gate", &g.Endpoint, &g.Token.Header, &g.Token.Cookie, &g.Token.Query, &g.Token.WebSocketProtocol, &g.AdminScope,
		&g.Streams, &g.SessionsEndpoint, &g.BackchannelLogout, &g.Errors)
}

// check sets the defaults and refuses options that contradict each other.
func (g *Gate) check() error {
	config.SetDefault(&g.Endpoint, defaultEndpoint)
	config.SetDefault(&g.Streams, "session")
	config.SetDefault(&g.Errors, "json")
	builtIn := []string{"id", "session_id", "token_id", "issuer"}
	for _, claim := range g.Claims {
		if slices.Contains(builtIn, claim) {
			return fmt.Errorf("checking session_gate: claims names %q, which {http.auth.user.%s} already means", claim, claim)
		}
	}
	if err := g.Token.check(); err != nil {
		return err
	}
	if err := config.OneOf("errors", g.Errors, "json", "caddy"); err != nil {
		return err
	}
	return config.OneOf("streams", g.Streams, "session", "expiry")
}
