package caddymodule

import (
	"net/http"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/hub/hubtest"
	"github.com/sessiongate/sessiongate/caddymodule/tokenendpoint/granttest"
	"github.com/sessiongate/sessiongate/store"
)

const (
	tokenPath = granttest.Path
	formMedia = granttest.FormMedia
)

// grantTest is a gate in front of a token endpoint, over real HTTP.
type grantTest struct {
	*gateTest
	*granttest.Upstream
	// store is the gate's store, with hooks in its calls.
	store *hubtest.Hooked
	// trusted makes requests come from a proxy that Caddy trusts. Set it before the first
	// request.
	trusted bool
}

// tokenEndpoints are the token endpoints with these paths.
func tokenEndpoints(paths ...string) (endpoints []TokenEndpoint) {
	for _, path := range paths {
		endpoints = append(endpoints, TokenEndpoint{Path: path})
	}
	return endpoints
}

func newGrantTest(t *testing.T, config Gate, changes ...func(*Issuer)) *grantTest {
	t.Helper()
	if len(config.TokenEndpoint) == 0 {
		config.TokenEndpoint = tokenEndpoints(tokenPath)
	}
	g := &grantTest{store: new(hubtest.Hooked)}
	g.gateTest = newGateOn(t, "HS256", config, func(opened store.Backend) store.Backend {
		g.store.Backend = opened
		return g.store
	}, changes...)
	g.Upstream = granttest.New(t, func(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) error {
		r, _ = prepare(w, r)
		caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, g.trusted)
		return g.gate.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			next(w, r)
			return nil
		}))
	})
	return g
}
