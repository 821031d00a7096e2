package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

const logoutPath = "/v1/auth/logout"

// logoutRequest returns an issuer's request with a logout token.
func logoutRequest(logoutToken string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, logoutPath, strings.NewReader("logout_token="+logoutToken))
	r.Header.Set("Content-Type", formMedia)
	return r
}

// The gate passes logout tokens to their receiver, whatever access token the request has.
func TestALogoutTokenEndsASession(t *testing.T) {
	g := newGate(t, "ES256", Gate{BackchannelLogout: logoutPath})
	laptop := g.of(t, "laptop")
	g.get(t, "/", laptop).want(t, http.StatusOK, "")
	claims := tokentest.Claims(time.Now(), map[string]any{
		"sid": "laptop", "jti": "logout", "exp": time.Now().Add(time.Minute).Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	})
	raw := tokentest.Mint(t, g.key, claims, map[string]any{"typ": "logout+jwt"})
	if a := g.serve(t, logoutRequest(raw)); a.Code != http.StatusOK || a.Body.Len() > 0 || a.upstream != nil {
		t.Errorf("answered %d %s, upstream %t", a.Code, a.Body, a.upstream != nil)
	}
	g.get(t, "/", laptop).want(t, http.StatusUnauthorized, "unauthorized")
	g.serve(t, logoutRequest(raw)).want(t, http.StatusBadRequest, "invalid_request")
}

func TestOtherRequestsToTheLogoutPathAreOrdinary(t *testing.T) {
	g := newGate(t, "ES256", Gate{BackchannelLogout: logoutPath})
	for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPut} {
		g.serve(t, request(method, logoutPath, g.of(t, "laptop"), "")).want(t, http.StatusOK, "")
		g.serve(t, request(method, logoutPath, "", "")).want(t, http.StatusUnauthorized, "unauthorized")
	}
	// Attack: a spelling of the path that the upstream serves, and that bypasses the gate.
	for _, text := range []string{logoutPath + "/", "/" + logoutPath, "/V1/auth/logout", "/v1/auth/%6cogout", logoutPath + ";x"} {
		r := logoutRequest("x")
		r.URL = target(t, text)
		g.serve(t, r).want(t, http.StatusBadRequest, "invalid_request")
	}
	// The gate's own paths must differ.
	for _, path := range []string{defaultEndpoint, sessionsPath, sessionsPath + "/logout"} {
		g := newGate(t, "HS256", Gate{})
		config := Gate{SessionsEndpoint: sessionsPath, BackchannelLogout: path}
		if err := config.provision(g.app, g.gate.logger); err == nil || !strings.Contains(err.Error(), "can be confused by some servers") {
			t.Errorf("%s: error %v", path, err)
		}
	}
}
