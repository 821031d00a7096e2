package caddymodule

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

const (
	sessionsPath = "/v1/auth/sessions"
	allEnded     = `{"message":"Sessions invalidated successfully."}`
)

func (g *gateTest) delete(tb testing.TB, path, token string) answer {
	tb.Helper()
	return g.serve(tb, request(http.MethodDelete, path, token, ""))
}

// of returns a token of a session of alice's.
func (g *gateTest) of(tb testing.TB, session string) string {
	tb.Helper()
	return g.mint(tb, map[string]any{"sid": session, "jti": session})
}

// The gate passes requests to the session API: the list, one session by its path, and all.
func TestTheSessionsEndpointIsServed(t *testing.T) {
	g := newGate(t, "HS256", Gate{SessionsEndpoint: sessionsPath})
	laptop, phone := g.of(t, "laptop"), g.of(t, "a/b")
	g.get(t, "/", phone).want(t, http.StatusOK, "")
	g.get(t, sessionsPath, laptop).want(t, http.StatusOK, `"session_id":"a/b"`)
	g.delete(t, sessionsPath+"/a%2Fb", laptop).want(t, http.StatusOK, `"session_id":"a/b"}`)
	g.get(t, "/", phone).want(t, http.StatusUnauthorized, "unauthorized")
	g.delete(t, sessionsPath+"?except=current", laptop).want(t, http.StatusOK, allEnded)
	g.get(t, "/", laptop).want(t, http.StatusOK, "")
}

// belowMisspellings are targets that some reader behind the gate reads as the endpoint of
// all sessions, or as a path below it.
var belowMisspellings = []string{
	"/", "//x", "/x/", "/x/y", "/./x", "/x/.", "/x/..", "/x/../y", "/../sessions/x", "/%2e", "/%2E%2e", "/.", "/..", "/%2e/x", "/x%2f..", "/%00", "/%20",
	"/%2fx/y", ";a/x", "/;", "/;a", "%2fx", "%2Fx%2Fy", "%5cx", "/%3Fx", "%3Fx/y", "%00/x", "/x//", "%20/x", "/x" + strings.Repeat("/y", 80),
	"/x" + strings.Repeat("/y/z/..", 20), "//" + strings.Repeat("/../sessions/x", 3), `/x\..`,
}

// Attack: a DELETE of one session, or of all, in a spelling that bypasses the gate and
// makes the upstream end its own session.
func TestADeleteThatResemblesTheSessionsEndpointNeverGoesUpstream(t *testing.T) {
	g := newGate(t, "HS256", Gate{SessionsEndpoint: sessionsPath})
	laptop := g.of(t, "laptop")
	targets := []string{
		"//v1/auth/sessions/x", "/V1/auth/sessions/x", "/v1/auth/Sessions/x", "/v1/auth/%73essions/x", "/v1/auth/./sessions/x", "/v1//auth/sessions/x",
		"/a/../v1/auth/sessions/x", "/v1/auth;a/sessions/x", "/v1/auth%2fsessions%2fx", "//h/v1/auth/sessions/x", "/v1/auth/%2573essions/x",
		"/%c0%afv1/auth/sessions/x", `/v1/auth\sessions\x`, "/v1/auth/sessions%09/x", "/v1/auth/SESSIONS", "/v1/auth/sess%C4%B1ons/x",
	}
	for _, rest := range belowMisspellings {
		targets = append(targets, sessionsPath+rest)
	}
	for _, text := range targets {
		r := request(http.MethodDelete, "/", laptop, "")
		r.URL = target(t, text)
		if a := g.serve(t, r); a.Code != http.StatusBadRequest || a.upstream != nil {
			t.Errorf("DELETE %s is answered %d, upstream %t; want 400, not upstream", text, a.Code, a.upstream != nil)
		}
	}
	for _, field := range []string{"X-Original-Url", "X-Rewrite-Url"} {
		r := request(http.MethodDelete, "/x", laptop, "")
		r.Header.Set(field, sessionsPath+"/x")
		if serveFrom(t, g, true, r) != nil {
			t.Errorf("%s: a DELETE of a session reached the upstream", field)
		}
	}
	g.get(t, "/", laptop).want(t, http.StatusOK, "")
	for _, text := range []string{"/v1/auth/sessionsx/y", "/v1/auth/x/sessions/y", "/sessions/x", "/v1/auth", "/orders/1/2"} {
		g.delete(t, text, laptop).want(t, http.StatusOK, "")
	}
	// Other methods are ordinary requests.
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodOptions} {
		for _, path := range []string{sessionsPath, sessionsPath + "/x", sessionsPath + "//x"} {
			g.serve(t, request(method, path, laptop, "")).want(t, http.StatusOK, "")
			g.serve(t, request(method, path, "", "")).want(t, http.StatusUnauthorized, "unauthorized")
		}
	}
	g.get(t, sessionsPath+"/x", laptop).want(t, http.StatusOK, "")
}

func TestThePathsOfTheGateAreDifferent(t *testing.T) {
	for name, config := range map[string]Gate{
		"the same":                   {SessionsEndpoint: defaultEndpoint},
		"the session endpoint below": {SessionsEndpoint: "/v1/auth"},
		"in other letters":           {SessionsEndpoint: "/V1/auth/session"},
	} {
		g := newGate(t, "HS256", Gate{})
		if err := config.provision(g.app, g.gate.logger); err == nil || !strings.Contains(err.Error(), "can be confused by some servers") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// Attack: a subject called alice at one issuer ends the sessions of another issuer's alice.
func TestSubjectsBelongToTheirIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, "HS256", Gate{})
		const other = "https://other.example.com"
		secret := []string{string(g.key.Secret)}
		g.start(t, Gate{SessionsEndpoint: sessionsPath},
			&Issuer{Issuer: "https://id.example.com", Audience: []string{"legacy-app"}, HMACSecret: secret},
			&Issuer{Issuer: other, Audience: []string{"legacy-app"}, HMACSecret: secret})
		theirs := g.mint(t, map[string]any{"iss": other})
		g.get(t, "/", theirs).want(t, http.StatusOK, "")
		g.delete(t, sessionsPath, g.of(t, "laptop")).want(t, http.StatusOK, allEnded)
		g.get(t, "/", theirs).want(t, http.StatusOK, "")
	})
}
