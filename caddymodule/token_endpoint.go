package caddymodule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/config"
	"github.com/sessiongate/sessiongate/caddymodule/oauth"
	"github.com/sessiongate/sessiongate/caddymodule/paths"
	"github.com/sessiongate/sessiongate/caddymodule/tokenendpoint"
)

// TokenEndpoint is a token endpoint of the upstream. In JSON it may also be the path alone, as
// a string.
//
// The gate knows the members `access_token`, `refresh_token` and `id_token` of an answer, in
// every spelling (`refreshToken`). It also knows `access` and `refresh` (Simple JWT) and
// `token` (FusionAuth), if the answer has no member with the name of the standards. A request
// may present its refresh token as `refresh_token` or `refresh`.
type TokenEndpoint struct {
	// Path is the path of the endpoint. A trailing slash is part of it. Required.
	Path string `json:"path,omitempty"`

	// AccessToken lists further members of an answer that hold the access token.
	// Default: none.
	AccessToken []string `json:"access_token,omitempty"`

	// RefreshToken lists further members of an answer that hold the refresh token, and
	// parameters of a request that present it. Default: none.
	RefreshToken []string `json:"refresh_token,omitempty"`
}

// tokenEndpointFields are the fields of a TokenEndpoint without its methods.
type tokenEndpointFields TokenEndpoint

// UnmarshalJSON reads a path, or an object with the fields.
func (t *TokenEndpoint) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte(`"`)) {
		return json.Unmarshal(text, &t.Path)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode((*tokenEndpointFields)(t))
}

// MarshalJSON writes the path, or an object if there are further members.
func (t TokenEndpoint) MarshalJSON() ([]byte, error) {
	if len(t.AccessToken) == 0 && len(t.RefreshToken) == 0 {
		return json.Marshal(t.Path)
	}
	return json.Marshal(tokenEndpointFields(t))
}

// readTokenEndpoint reads paths, and a block that holds for each of them.
func (g *Gate) readTokenEndpoint(d *caddyfile.Dispenser) error {
	var names []string
	if err := config.Texts(&names)(d); err != nil {
		return err
	}
	var block TokenEndpoint
	if err := (config.Words{
		"access_token":  {Usage: "access_token <member>...", Read: config.Texts(&block.AccessToken)},
		"refresh_token": {Usage: "refresh_token <member>...", Read: config.Texts(&block.RefreshToken)},
	}).Read(d); err != nil {
		return err
	}
	for _, path := range names {
		g.TokenEndpoint = append(g.TokenEndpoint, TokenEndpoint{
			Path: path, AccessToken: slices.Clone(block.AccessToken), RefreshToken: slices.Clone(block.RefreshToken),
		})
	}
	return nil
}

// resolve resolves the placeholders in the fields.
func (t *TokenEndpoint) resolve() error {
	if err := config.Resolve("token_endpoint", &t.Path); err != nil {
		return err
	}
	if err := config.ResolveAll("access_token", t.AccessToken); err != nil {
		return err
	}
	return config.ResolveAll("refresh_token", t.RefreshToken)
}

// addTokenEndpoints adds the token endpoints of the upstream.
func (g *Gate) addTokenEndpoints() error {
	o := tokenendpoint.Options{
		Names: make(map[string]oauth.Names, len(g.TokenEndpoint)), Public: g.public, Verifier: g.app.verifier, Hub: g.app.hub, Origins: g.origins,
		Leeway: time.Duration(*g.app.Leeway), Retention: time.Duration(g.app.Retention), Logger: g.logger, Refuse: g.refuseOwn,
		Counters: &counts.Grants,
	}
	for _, t := range g.TokenEndpoint {
		names, err := oauth.NewNames(t.AccessToken, t.RefreshToken)
		if err != nil {
			return fmt.Errorf("checking session_gate: token_endpoint %q: %w", t.Path, err)
		}
		o.Names[t.Path] = names
	}
	endpoint := tokenendpoint.New(o)
	serve := func(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) (bool, error) {
		return true, endpoint.Serve(w, r, func(w http.ResponseWriter, r *http.Request) error {
			return passAnonymous(w, r, next)
		})
	}
	// The longest comes first: it may be a shorter endpoint followed by a format.
	for _, t := range slices.SortedFunc(slices.Values(g.TokenEndpoint), func(a, b TokenEndpoint) int { return len(b.Path) - len(a.Path) }) {
		if err := g.addRoute("token_endpoint", t.Path, paths.Options{Slash: true}, route{
			guards: tokenendpoint.MayGrant, methods: []string{http.MethodDelete, http.MethodPost}, serve: serve, grants: true,
		}); err != nil {
			return err
		}
	}
	return nil
}
