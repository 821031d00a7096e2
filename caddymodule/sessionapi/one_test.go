package sessionapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
)

// DELETE of a session id below the sessions endpoint is the same as DELETE of the session
// endpoint with that id.
func TestOneSessionIsEndedByThePathAsByTheBody(t *testing.T) {
	inAPI(t, Options{AdminScope: "sessions:revoke"}, func(t *testing.T, g *apiTest) {
		laptop, phone := g.Of(t, "laptop"), g.Of(t, "phone")
		bobs := g.Mint(t, map[string]any{"sid": "bobs", "jti": "bobs", "sub": "bob"})
		for _, token := range []string{phone, bobs} {
			g.Get(t, "/", token).Want(t, http.StatusOK, "")
		}
		for _, id := range []string{"bobs", "unknown"} {
			g.delete(t, sessionsPath+"/"+id, laptop).Want(t, http.StatusNotFound, "invalid_session")
		}
		g.delete(t, sessionsPath+"/phone", laptop).Want(t, http.StatusOK, `"session_id":"phone"}`)
		g.Get(t, "/", phone).Want(t, http.StatusUnauthorized, "unauthorized")
		g.delete(t, sessionsPath+"/phone", laptop).Want(t, http.StatusNotFound, "invalid_session")
		// As at the session endpoint: a revoked token may repeat its own logout only.
		g.delete(t, sessionsPath+"/phone", phone).Want(t, http.StatusNotFound, "invalid_session")
		g.delete(t, sessionsPath+"/laptop", phone).Want(t, http.StatusUnauthorized, "unauthorized")
		g.delete(t, sessionsPath+"/laptop", "abc").Want(t, http.StatusUnauthorized, "unauthorized")

		admin := g.Mint(t, map[string]any{"sub": "root", "sid": "root", "jti": "root", "scope": "sessions:revoke"})
		g.delete(t, sessionsPath+"/bobs?except=current", admin).Want(t, http.StatusOK, `"session_id":"bobs"}`)
		g.Get(t, "/", bobs).Want(t, http.StatusUnauthorized, "unauthorized")

		// A body that names another session makes the request ambiguous.
		g.Serve(t, callertest.Request(http.MethodDelete, sessionsPath+"/laptop", laptop, `{"session_id":"root"}`)).
			Want(t, http.StatusBadRequest, "invalid_request")
		g.delete(t, sessionsPath+"/laptop", laptop).Want(t, http.StatusOK, `"session_id":"laptop"}`)
		g.delete(t, sessionsPath+"/laptop", laptop).Want(t, http.StatusNotFound, "invalid_session")
	})
}

// Ids may hold any text. As one segment of a path they are percent-encoded, once.
func TestIDsInPathsAreDecodedOnce(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		laptop := g.Of(t, "laptop")
		for segment, id := range map[string]string{
			"a%2Fb": "a/b", "a%2fc": "a/c", "%252e%252ex": "%2e%2ex", "caf%C3%A9": "café", "a;b": "a;b", "a%3Fb": "a?b", "a%20b": "a b", "a+b": "a+b",
			"session:abc": "session:abc", "x%3Bsession": "x;session",
			"%C3%A4%2F%22": `ä/"`, "a%5Cb": `a\b`, "a:b@c,d=e&f$g!*'()": "a:b@c,d=e&f$g!*'()", "%25": "%", "...": "...",
			strings.Repeat("x", 1024): strings.Repeat("x", 1024),
		} {
			token := g.Mint(t, map[string]any{"sid": id, "jti": "of " + segment[:1]})
			g.Get(t, "/", token).Want(t, http.StatusOK, "")
			g.delete(t, sessionsPath+"/"+segment, laptop).Want(t, http.StatusOK, `"session_id":`)
			g.Get(t, "/", token).Want(t, http.StatusUnauthorized, "unauthorized")
		}
	})
}

// A segment that cannot be an id must stay at the gate, too.
func TestWhatIsNoIDIsRefusedBelowTheSessionsEndpoint(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		laptop := g.Of(t, "laptop")
		for _, id := range []string{"a%00b", "%ff", "a%0Ab", strings.Repeat("x", 1025), "%EF%BF%BD"} {
			g.delete(t, sessionsPath+"/"+id, laptop).Want(t, http.StatusBadRequest, "invalid_request")
		}
	})
}

func TestPreflightsOfTheSessionsEndpoint(t *testing.T) {
	inAPI(t, Options{Origins: fromApp(t)}, func(t *testing.T, g *apiTest) {
		for path, methods := range map[string]string{sessionsPath: "GET, DELETE", sessionsPath + "/x": "DELETE"} {
			r := callertest.Fields(callertest.Request(http.MethodOptions, path, "", ""), "Origin", "https://app.example.com", "Access-Control-Request-Method", "DELETE")
			a := g.Serve(t, r)
			if got := a.Header().Get("Access-Control-Allow-Methods"); a.Code != http.StatusNoContent || got != methods {
				t.Errorf("%s: answered %d, methods %q; want 204, %q", path, a.Code, got, methods)
			}
		}
	})
}
