package caddymodule

import (
	"fmt"
	"maps"
	"slices"

	"github.com/sessiongate/sessiongate/caddymodule/config"
	"github.com/sessiongate/sessiongate/caddymodule/identity"
	"github.com/sessiongate/sessiongate/caddymodule/paths"
)

// resolveIdentity resolves the placeholders in the names of fields and claims.
func resolveIdentity(c *identity.Config) error {
	if err := config.Resolve("identity", &c.Preset); err != nil {
		return err
	}
	resolved := make(map[string]string, len(c.Headers))
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		claim := c.Headers[name]
		if err := config.Resolve("identity", &name, &claim); err != nil {
			return err
		}
		if _, twice := resolved[name]; twice {
			return fmt.Errorf("resolving identity: header %q is named twice", name)
		}
		resolved[name] = claim
	}
	c.Headers = resolved
	return nil
}

// prepareIdentity prepares the identity fields. It refuses two meanings for one field.
func (g *Gate) prepareIdentity() (err error) {
	if g.identity, err = identity.New(g.Identity, g.Claims); err != nil {
		return fmt.Errorf("checking session_gate: %w", err)
	}
	if paths.IsOverride(g.Token.Header) {
		return fmt.Errorf("checking session_gate: token looks for the credential in %q, "+
			"which the gate deletes because some servers take the path from it; use another header", g.Token.Header)
	}
	if g.identity.Owns(g.Token.Header) {
		return fmt.Errorf("checking session_gate: identity owns %q, where token looks for the credential, "+
			"which would be stripped before it is seen", g.Token.Header)
	}
	// Attack: a user has /admin written into a claim, and asks for /healthz. The gate
	// itself would send X-Original-URL: /admin, after it has judged the path.
	for name := range g.identity.All() {
		if paths.IsOverride(name) {
			return fmt.Errorf("checking session_gate: identity sets %q, from which some servers take the path; use another header", name)
		}
	}
	g.identity.Bind(g.app.verifier)
	g.identity.Keep(g.Token.Header)
	if g.Token.Cookie != "" {
		g.identity.Keep("Cookie")
	}
	return nil
}
