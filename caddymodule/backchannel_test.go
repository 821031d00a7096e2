package caddymodule

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/replica"
)

const logoutPath = "/v1/auth/logout"

// inLogoutGate runs a test with a gate that takes logout tokens, on a clock of its
// own.
func inLogoutGate(t *testing.T, test func(t *testing.T, g *gateTest)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newGate(t, "ES256", Gate{BackchannelLogout: logoutPath})) })
}

var logoutID int

// logoutToken is a good logout token with an id of its own and these changes.
func (g *gateTest) logoutToken(tb testing.TB, changes map[string]any) string {
	tb.Helper()
	logoutID++
	now := time.Now()
	claims := map[string]any{
		"iss": tokentest.Issuer, "aud": tokentest.Audience, "jti": "logout-" + strconv.Itoa(logoutID),
		"iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	maps.Copy(claims, changes)
	return tokentest.Mint(tb, g.key, claims, map[string]any{"typ": "logout+jwt"})
}

// logoutRequest is the request that an issuer makes with this form.
func logoutRequest(form string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, logoutPath, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func (g *gateTest) logOut(tb testing.TB, logoutToken string) answer {
	tb.Helper()
	return g.serve(tb, logoutRequest("logout_token="+logoutToken))
}

func (a answer) wantLoggedOut(tb testing.TB) {
	tb.Helper()
	if a.Code != http.StatusOK || a.Body.Len() > 0 || a.Header().Get("Cache-Control") != "no-store" || a.upstream != nil {
		tb.Errorf("answered %d %q with %v, upstream %t; want 200, empty, not to be kept", a.Code, a.Body, a.Header(), a.upstream != nil)
	}
}

func (a answer) wantLogoutRefused(tb testing.TB, status int, code string) {
	tb.Helper()
	a.want(tb, status, `{"error":"`+code+`","error_description":"`)
	if got := a.Header().Get("Retry-After"); (got != "") != (status == http.StatusServiceUnavailable) || a.Header().Get("Cache-Control") != "no-store" {
		tb.Errorf("%d is answered with %v", status, a.Header())
	}
}

func TestALogoutTokenEndsASession(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *gateTest) {
		for _, changes := range []map[string]any{{"sid": "laptop"}, {"sid": "phone", "sub": "alice"}, {"sid": "tablet", "sub": "somebody else"}} {
			session := changes["sid"].(string)
			over, other := g.of(t, session), g.of(t, "other than "+session)
			g.logOut(t, g.logoutToken(t, changes)).wantLoggedOut(t)
			g.get(t, "/", over).want(t, http.StatusUnauthorized, "unauthorized")
			g.get(t, "/", g.mint(t, map[string]any{"sid": session, "jti": "later", "iat": time.Now().Unix() + 5})).
				want(t, http.StatusUnauthorized, "unauthorized")
			g.get(t, "/", other).want(t, http.StatusOK, "")
		}
	})
}

func TestALogoutTokenWithoutASessionEndsAllOfTheSubject(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *gateTest) {
		laptop, phone, bare := g.of(t, "laptop"), g.of(t, "phone"), g.mint(t, map[string]any{"sid": nil})
		bobs := g.mint(t, map[string]any{"sub": "bob"})
		began := time.Now()
		g.logOut(t, g.logoutToken(t, map[string]any{"sub": "alice"})).wantLoggedOut(t)
		if took := time.Since(began); took != time.Second {
			t.Errorf("answered after %v, want when the second of the logout had passed", took)
		}
		for _, token := range []string{laptop, phone, bare} {
			g.get(t, "/", token).want(t, http.StatusUnauthorized, "unauthorized")
		}
		g.get(t, "/", bobs).want(t, http.StatusOK, "")
		g.get(t, "/", g.of(t, "next")).want(t, http.StatusOK, "")
	})
}

// Sessions that began after the logout are not meant by it, however late it comes; and
// the issuer is not kept waiting for its own clock, which is ahead.
func TestALogoutMeansWhatWasBeforeIt(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *gateTest) {
		old := g.of(t, "old")
		late := g.logoutToken(t, map[string]any{"sub": "alice"})
		time.Sleep(90 * time.Second)
		next := g.of(t, "next")
		g.logOut(t, late).wantLoggedOut(t)
		g.get(t, "/", old).want(t, http.StatusUnauthorized, "unauthorized")
		g.get(t, "/", next).want(t, http.StatusOK, "")
		began := time.Now()
		g.logOut(t, g.logoutToken(t, map[string]any{"sub": "alice", "iat": began.Unix() + 25})).wantLoggedOut(t)
		if took := time.Since(began); took > logoutPatience {
			t.Errorf("answered after %v, want %v at the most", took, logoutPatience)
		}
	})
}

// The attack: a logout token that was intercepted is sent once more. Each is taken
// once, in every spelling of the request; what it named stays ended.
func TestALogoutTokenIsTakenOnce(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *gateTest) {
		for _, changes := range []map[string]any{{"sid": "laptop"}, {"sub": "alice"}} {
			raw := g.logoutToken(t, changes)
			g.logOut(t, raw).wantLoggedOut(t)
			g.logOut(t, raw).wantLogoutRefused(t, http.StatusBadRequest, "invalid_request")
			g.logOut(t, g.key.Twin(t, raw)).wantLogoutRefused(t, http.StatusBadRequest, "invalid_request")
			g.serve(t, logoutRequest("x=y&%6cogout_token="+raw)).wantLogoutRefused(t, http.StatusBadRequest, "invalid_request")
		}
		g.get(t, "/", g.of(t, "next")).want(t, http.StatusOK, "")
	})
}

// The attack: the id of a logout token is that of an access token, which is then over
// or taken for a logout that was received.
func TestALogoutTokenIsNoAccessToken(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *gateTest) {
		bare := g.mint(t, map[string]any{"sid": nil, "jti": "same"})
		g.logOut(t, g.logoutToken(t, map[string]any{"sid": "x", "jti": "same"})).wantLoggedOut(t)
		g.get(t, "/", bare).want(t, http.StatusOK, "")
		g.end(t, bare, "").want(t, http.StatusOK, invalidated)
		g.logOut(t, g.logoutToken(t, map[string]any{"sid": "y", "jti": "same too"})).wantLoggedOut(t)
		// And it opens nothing.
		g.get(t, "/", g.logoutToken(t, map[string]any{"sid": "z"})).want(t, http.StatusUnauthorized, "unauthorized")
	})
}

// The attack: anything but a logout token of the issuer for this client. The answer is
// one, and nothing is ended.
func TestWhatIsNoLogoutTokenEndsNothing(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *gateTest) {
		laptop := g.of(t, "laptop")
		first := g.logOut(t, "x")
		for name, changes := range map[string]map[string]any{
			"another issuer": {"iss": "https://evil.example"}, "another client": {"aud": "web"}, "expired": {"iat": 1, "exp": 2}, "a nonce": {"nonce": "n"},
			"no event": {"events": map[string]any{}}, "no id": {"jti": ""}, "nobody": {"sid": nil, "sub": nil},
		} {
			whole := map[string]any{"sid": "laptop", "sub": "alice"}
			maps.Copy(whole, changes)
			a := g.logOut(t, g.logoutToken(t, whole))
			a.wantLogoutRefused(t, http.StatusBadRequest, "invalid_request")
			if a.Body.String() != first.Body.String() {
				t.Errorf("%s is told apart: %s, and not %s", name, a.Body, first.Body)
			}
		}
		for _, raw := range []string{laptop, strings.Repeat("x", 9<<10), "a.b.c.d.e"} {
			g.logOut(t, raw).wantLogoutRefused(t, http.StatusBadRequest, "invalid_request")
		}
		g.get(t, "/", laptop).want(t, http.StatusOK, "")
	})
}

func TestLogoutRequestsAreFormsWithOneToken(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *gateTest) {
		raw := g.logoutToken(t, map[string]any{"sid": "laptop"})
		for _, form := range []string{
			"", "x=y", "logout_token=", "logout_token", "Logout_Token=" + raw, "logout_token=" + raw + "&logout_token=" + raw, "logout_token=" + raw + ";x=y",
			"logout_token=" + raw + "&x=%zz", "logout_token=" + raw + "&logout_token=", `{"logout_token":"` + raw + `"}`,
			"logout_token=" + raw + "&x=" + strings.Repeat("y", maxLogoutBody),
		} {
			for _, length := range []int64{int64(len(form)), -1} {
				r := logoutRequest(form)
				r.ContentLength = length
				g.serve(t, r).wantLogoutRefused(t, http.StatusBadRequest, "invalid_request")
			}
		}
		for name, values := range map[string][]string{
			"Content-Type":     {"application/json"},
			"Content-Encoding": {"gzip"},
			"content type":     nil,
		} {
			r := logoutRequest("logout_token=" + raw)
			if values == nil {
				r.Header.Del("Content-Type")
			} else {
				r.Header[name] = values
			}
			g.serve(t, r).wantLogoutRefused(t, http.StatusBadRequest, "invalid_request")
		}
		// In the query it is no logout token; and what is not known is ignored.
		r := logoutRequest("x=y")
		r.URL.RawQuery = "logout_token=" + raw
		g.serve(t, r).wantLogoutRefused(t, http.StatusBadRequest, "invalid_request")
		r = logoutRequest("state=1&logout_token=" + url.QueryEscape(raw))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
		g.serve(t, r).wantLoggedOut(t)
	})
}

// A gate that is not sure of its set promises nothing, refuses from now on, and lets
// the issuer repeat the same token.
func TestAFencedGateOffersALogout(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *gateTest) {
		verified, err := g.app.verifier.Verify(g.of(t, "laptop"), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		setOf(g.app).Close() // fences it
		raw := g.logoutToken(t, map[string]any{"sid": "laptop"})
		for range 2 {
			g.logOut(t, raw).wantLogoutRefused(t, http.StatusServiceUnavailable, "temporarily_unavailable")
		}
		g.logOut(t, "x").wantLogoutRefused(t, http.StatusBadRequest, "invalid_request")
		if g.app.hub.Look(&verified.Keys) != replica.BySession {
			t.Error("the gate forgot what it could not confirm")
		}
	})
}

func TestOtherRequestsToTheLogoutPathAreOrdinary(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *gateTest) {
		for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPut} {
			g.serve(t, request(method, logoutPath, g.of(t, "laptop"), "")).want(t, http.StatusOK, "")
			g.serve(t, request(method, logoutPath, "", "")).want(t, http.StatusUnauthorized, "unauthorized")
		}
		// The attack: a spelling of the path at which the upstream listens, past the gate.
		for _, text := range []string{logoutPath + "/", "/" + logoutPath, "/V1/auth/logout", "/v1/auth/%6cogout", logoutPath + ";x"} {
			r := logoutRequest("logout_token=x")
			r.URL = target(t, text)
			g.serve(t, r).want(t, http.StatusBadRequest, "invalid_request")
		}
	})
	// No two paths of the gate are one.
	for _, path := range []string{defaultEndpoint, sessionsPath, sessionsPath + "/logout"} {
		g := newGate(t, "HS256", Gate{})
		config := Gate{SessionsEndpoint: sessionsPath, BackchannelLogout: path}
		if err := config.provision(g.app, g.gate.logger); err == nil || !strings.Contains(err.Error(), "can be confused by some servers") {
			t.Errorf("%s: error %v", path, err)
		}
	}
}
