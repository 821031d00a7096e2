package caddymodule

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
)

// DELETE of one below the endpoint of all is DELETE of the session endpoint with its
// id.
func TestOneSessionIsEndedByThePathAsByTheBody(t *testing.T) {
	inSessionsGate(t, Gate{AdminScope: "sessions:revoke"}, func(t *testing.T, g *gateTest) {
		laptop, phone := g.of(t, "laptop"), g.of(t, "phone")
		bobs := g.mint(t, map[string]any{"sid": "bobs", "jti": "bobs", "sub": "bob"})
		for _, token := range []string{phone, bobs} {
			g.get(t, "/", token).want(t, http.StatusOK, "")
		}
		for _, id := range []string{"bobs", "unknown"} {
			g.delete(t, sessionsPath+"/"+id, laptop).want(t, http.StatusNotFound, "invalid_session")
		}
		g.delete(t, sessionsPath+"/phone", laptop).want(t, http.StatusOK, `"session_id":"phone"}`)
		g.get(t, "/", phone).want(t, http.StatusUnauthorized, "unauthorized")
		g.delete(t, sessionsPath+"/phone", laptop).want(t, http.StatusNotFound, "invalid_session")
		// As at the session endpoint: a revoked token may repeat its own logout only.
		g.delete(t, sessionsPath+"/phone", phone).want(t, http.StatusNotFound, "invalid_session")
		g.delete(t, sessionsPath+"/laptop", phone).want(t, http.StatusUnauthorized, "unauthorized")
		g.delete(t, sessionsPath+"/laptop", "abc").want(t, http.StatusUnauthorized, "unauthorized")

		admin := g.mint(t, map[string]any{"sub": "root", "sid": "root", "jti": "root", "scope": "sessions:revoke"})
		g.delete(t, sessionsPath+"/bobs?except=current", admin).want(t, http.StatusOK, `"session_id":"bobs"}`)
		g.get(t, "/", bobs).want(t, http.StatusUnauthorized, "unauthorized")

		// What a body names besides is not to be guessed at.
		g.serve(t, request(http.MethodDelete, sessionsPath+"/laptop", laptop, `{"session_id":"root"}`)).
			want(t, http.StatusBadRequest, "invalid_request")
		g.delete(t, sessionsPath+"/laptop", laptop).want(t, http.StatusOK, `"session_id":"laptop"}`)
		g.delete(t, sessionsPath+"/laptop", laptop).want(t, http.StatusNotFound, "invalid_session")
	})
}

// Ids are any text: as one segment of a path they are percent-encoded, once.
func TestIDsInPathsAreDecodedOnce(t *testing.T) {
	inSessionsGate(t, Gate{}, func(t *testing.T, g *gateTest) {
		laptop := g.of(t, "laptop")
		for segment, id := range map[string]string{
			"a%2Fb": "a/b", "a%2fc": "a/c", "%252e%252ex": "%2e%2ex", "caf%C3%A9": "café", "a;b": "a;b", "a%3Fb": "a?b", "a%20b": "a b", "a+b": "a+b",
			"session:abc": "session:abc", "x%3Bsession": "x;session",
			"%C3%A4%2F%22": `ä/"`, "a%5Cb": `a\b`, "a:b@c,d=e&f$g!*'()": "a:b@c,d=e&f$g!*'()", "%25": "%", "...": "...",
			strings.Repeat("x", 256): strings.Repeat("x", 256),
		} {
			token := g.mint(t, map[string]any{"sid": id, "jti": "of " + segment[:1]})
			g.get(t, "/", token).want(t, http.StatusOK, "")
			g.delete(t, sessionsPath+"/"+segment, laptop).want(t, http.StatusOK, `"session_id":`)
			g.get(t, "/", token).want(t, http.StatusUnauthorized, "unauthorized")
		}
	})
}

// belowMisspellings are targets that some reader behind the gate takes for one below
// the endpoint of all sessions, or for that itself.
var belowMisspellings = []string{
	"/", "//x", "/x/", "/x/y", "/./x", "/x/.", "/x/..", "/x/../y", "/../sessions/x", "/%2e", "/%2E%2e", "/.", "/..", "/%2e/x", "/x%2f..", "/%00", "/%20",
	"/%2fx/y", ";a/x", "/;", "/;a", "%2fx", "%2Fx%2Fy", "%5cx", "/%3Fx", "%3Fx/y", "%00/x", "/x//", "%20/x", "/x" + strings.Repeat("/y", 80),
	"/x" + strings.Repeat("/y/z/..", 20), "//" + strings.Repeat("/../sessions/x", 3), `/x\..`,
}

// The attack: a DELETE of one session, or of all, in a spelling that goes past the
// gate to an upstream which ends its own.
func TestADeleteThatResemblesTheSessionsEndpointNeverGoesUpstream(t *testing.T) {
	inSessionsGate(t, Gate{}, func(t *testing.T, g *gateTest) {
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
	})
}

// An id that could be none stays at the gate, too.
func TestWhatIsNoIDIsRefusedBelowTheSessionsEndpoint(t *testing.T) {
	inSessionsGate(t, Gate{}, func(t *testing.T, g *gateTest) {
		laptop := g.of(t, "laptop")
		for _, id := range []string{"a%00b", "%ff", "a%0Ab", strings.Repeat("x", 257), "%EF%BF%BD"} {
			g.delete(t, sessionsPath+"/"+id, laptop).want(t, http.StatusBadRequest, "invalid_request")
		}
	})
}

func TestPreflightsOfTheSessionsEndpoint(t *testing.T) {
	inSessionsGate(t, Gate{CORS: []string{"https://app.example.com"}}, func(t *testing.T, g *gateTest) {
		for path, methods := range map[string]string{sessionsPath: "GET, DELETE", sessionsPath + "/x": "DELETE"} {
			r := callertest.Fields(request(http.MethodOptions, path, "", ""), "Origin", "https://app.example.com", "Access-Control-Request-Method", "DELETE")
			a := g.serve(t, r)
			if got := a.Header().Get("Access-Control-Allow-Methods"); a.Code != http.StatusNoContent || got != methods {
				t.Errorf("%s: answered %d, methods %q; want 204, %q", path, a.Code, got, methods)
			}
		}
	})
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
