package caddymodule

import (
	"net/http"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/identity"
)

// Where tokens are optional, a fenced gate still passes on requests without one. It cannot
// check the others.
func TestAFencedGateNeedsNoLeaseForARequestWithoutAToken(t *testing.T) {
	g := newGate(t, "HS256", Gate{Optional: true, Identity: &identity.Config{Preset: "authelia"}, Claims: []string{"email"}})
	token := g.mint(t, nil)
	g.get(t, "/", token).want(t, http.StatusOK, "")
	setOf(g.app).Close()
	a := g.get(t, "/", "")
	a.want(t, http.StatusOK, "")
	a.wantReason(t, "")
	g.get(t, "/", token).want(t, http.StatusServiceUnavailable, "temporarily_unavailable")
	g.get(t, "/", "x").want(t, http.StatusUnauthorized, "unauthorized")
	g.end(t, "", "").want(t, http.StatusUnauthorized, "unauthorized")
}
