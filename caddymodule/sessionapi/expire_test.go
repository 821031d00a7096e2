package sessionapi

import (
	"net/http"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
)

// expiring returns a gate with the session API, and counts the cookies that it expires.
func expiring(t *testing.T) (g *apiTest, expired *int) {
	t.Helper()
	expired = new(int)
	return newAPI(t, "HS256", Options{Expire: func(http.ResponseWriter, *http.Request) { *expired++ }}), expired
}

// The browser forgets a cookie when the session of its token is over, and not before. A
// repeated logout expires the cookie again, because the first answer may have been lost.
func TestTheCookieIsExpiredWithItsSession(t *testing.T) {
	g, expired := expiring(t)
	laptop, phone, tablet := g.Of(t, "laptop"), g.Of(t, "phone"), g.Of(t, "tablet")
	for _, token := range []string{laptop, phone, tablet} {
		g.Get(t, "/", token).Want(t, http.StatusOK, "")
	}
	for _, step := range []struct {
		name, method, path, cookie, bearer, body string
		status, expired                          int
	}{
		{"another session", http.MethodDelete, sessionPath, laptop, "", `{"session_id":"tablet"}`, 200, 0},
		{"another session again", http.MethodDelete, sessionPath, laptop, "", `{"session_id":"tablet"}`, 404, 0},
		{"a broken body", http.MethodDelete, sessionPath, laptop, "", `{`, 400, 0},
		{"a broken cookie", http.MethodDelete, sessionPath, "x", "", "", 401, 0},
		{"the list", http.MethodGet, sessionsPath, laptop, "", "", 200, 0},
		{"a header", http.MethodDelete, sessionPath, "", phone, "", 200, 0},
		{"the own session", http.MethodDelete, sessionPath, laptop, "", "", 200, 1},
		{"the own session again", http.MethodDelete, sessionPath, laptop, "", "", 404, 1},
		{"the own session by its id", http.MethodDelete, sessionPath, laptop, "", `{"session_id":"laptop"}`, 404, 1},
		{"another session with a revoked cookie", http.MethodDelete, sessionPath, laptop, "", `{"session_id":"phone"}`, 401, 0},
	} {
		before := *expired
		r := callertest.Fields(callertest.Request(step.method, step.path, step.bearer, step.body), "Cookie", "")
		if step.cookie != "" {
			r.Header.Set("Cookie", "session="+step.cookie)
		}
		if a := g.Serve(t, r); a.Code != step.status || *expired-before != step.expired {
			t.Errorf("%s: answered %d %s, expired %d cookies", step.name, a.Code, a.Body, *expired-before)
		}
	}
}

// A gate that cannot confirm the logout must not take the cookie, or the browser could not
// repeat the call.
func TestTheCookieStaysUntilTheLogoutIsConfirmed(t *testing.T) {
	g, expired := expiring(t)
	r := callertest.Fields(callertest.Request(http.MethodDelete, sessionPath, "", ""), "Cookie", "session="+g.Of(t, "laptop"))
	g.Fence()
	g.Serve(t, r).Want(t, http.StatusServiceUnavailable, "temporarily_unavailable")
	if *expired != 0 {
		t.Errorf("expired %d cookies", *expired)
	}
}

// DELETE of all sessions ends the session of the cookie, unless that one is excepted.
func TestTheCookieIsExpiredWithAllSessions(t *testing.T) {
	for query, want := range map[string]int{"": 1, exceptCurrent: 0} {
		g, expired := expiring(t)
		r := callertest.Fields(callertest.Request(http.MethodDelete, sessionsPath+query, "", ""), "Cookie", "session="+g.Of(t, "laptop"))
		g.Serve(t, r).Want(t, http.StatusOK, "Sessions invalidated")
		if *expired != want {
			t.Errorf("%q: expired %d cookies, want %d", query, *expired, want)
		}
	}
}
