package logout_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
	"github.com/sessiongate/sessiongate/caddymodule/logout"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/replica"
)

const logoutPath = "/v1/auth/logout"

// logoutGate is a gate that accepts logout tokens.
type logoutGate struct {
	*callertest.Gate
	minted int
}

// inLogoutGate runs a test with a gate that accepts logout tokens, in fake time.
func inLogoutGate(t *testing.T, test func(t *testing.T, g *logoutGate)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := &logoutGate{Gate: callertest.New(t, "ES256")}
		receiver := logout.New(logout.Options{Verifier: g.Verifier, Hub: g.Hub, Logger: g.Logger, Refuse: callertest.Refuse})
		g.Routes[logoutPath] = func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) (bool, error) {
			return receiver.Serve(w, r)
		}
		test(t, g)
	})
}

// logoutToken returns a valid logout token with a new id and these changes.
func (g *logoutGate) logoutToken(tb testing.TB, changes map[string]any) string {
	tb.Helper()
	g.minted++
	now := time.Now()
	claims := map[string]any{
		"iss": tokentest.Issuer, "aud": tokentest.Audience, "jti": "logout-" + strconv.Itoa(g.minted),
		"iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	maps.Copy(claims, changes)
	return tokentest.Mint(tb, g.Key, claims, map[string]any{"typ": "logout+jwt"})
}

// logoutRequest returns an issuer's request with this form.
func logoutRequest(form string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, logoutPath, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func (g *logoutGate) logOut(tb testing.TB, logoutToken string) callertest.Answer {
	tb.Helper()
	return g.Serve(tb, logoutRequest("logout_token="+logoutToken))
}

func wantLoggedOut(tb testing.TB, a callertest.Answer) {
	tb.Helper()
	if a.Code != http.StatusOK || a.Body.Len() > 0 || a.Header().Get("Cache-Control") != "no-store" || a.Upstream != nil {
		tb.Errorf("answered %d %q with %v, upstream %t; want 200, empty, not to be kept", a.Code, a.Body, a.Header(), a.Upstream != nil)
	}
}

func wantRefused(tb testing.TB, a callertest.Answer, status int, code string) {
	tb.Helper()
	a.Want(tb, status, `{"error":"`+code+`","error_description":"`)
	if got := a.Header().Get("Retry-After"); (got != "") != (status == http.StatusServiceUnavailable) || a.Header().Get("Cache-Control") != "no-store" {
		tb.Errorf("%d is answered with %v", status, a.Header())
	}
}

func TestALogoutTokenEndsASession(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *logoutGate) {
		for _, changes := range []map[string]any{{"sid": "laptop"}, {"sid": "phone", "sub": "alice"}, {"sid": "tablet", "sub": "somebody else"}} {
			session := changes["sid"].(string)
			over, other := g.Of(t, session), g.Of(t, "other than "+session)
			wantLoggedOut(t, g.logOut(t, g.logoutToken(t, changes)))
			g.Get(t, "/", over).Want(t, http.StatusUnauthorized, "unauthorized")
			g.Get(t, "/", g.Mint(t, map[string]any{"sid": session, "jti": "later", "iat": time.Now().Unix() + 5})).
				Want(t, http.StatusUnauthorized, "unauthorized")
			g.Get(t, "/", other).Want(t, http.StatusOK, "")
		}
	})
}

func TestALogoutTokenWithoutASessionEndsAllOfTheSubject(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *logoutGate) {
		laptop, phone, bare := g.Of(t, "laptop"), g.Of(t, "phone"), g.Mint(t, map[string]any{"sid": nil})
		bobs := g.Mint(t, map[string]any{"sub": "bob"})
		began := time.Now()
		wantLoggedOut(t, g.logOut(t, g.logoutToken(t, map[string]any{"sub": "alice"})))
		if took := time.Since(began); took != time.Second {
			t.Errorf("answered after %v, want when the second of the logout had passed", took)
		}
		for _, token := range []string{laptop, phone, bare} {
			g.Get(t, "/", token).Want(t, http.StatusUnauthorized, "unauthorized")
		}
		g.Get(t, "/", bobs).Want(t, http.StatusOK, "")
		g.Get(t, "/", g.Of(t, "next")).Want(t, http.StatusOK, "")
	})
}

// A logout does not end sessions that began after it, however late it arrives. The issuer
// need not wait until its own clock, which is ahead, is reached.
func TestALogoutMeansWhatWasBeforeIt(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *logoutGate) {
		old := g.Of(t, "old")
		late := g.logoutToken(t, map[string]any{"sub": "alice"})
		time.Sleep(90 * time.Second)
		next := g.Of(t, "next")
		wantLoggedOut(t, g.logOut(t, late))
		g.Get(t, "/", old).Want(t, http.StatusUnauthorized, "unauthorized")
		g.Get(t, "/", next).Want(t, http.StatusOK, "")
		began := time.Now()
		wantLoggedOut(t, g.logOut(t, g.logoutToken(t, map[string]any{"sub": "alice", "iat": began.Unix() + 25})))
		if took := time.Since(began); took > time.Second {
			t.Errorf("answered after %v, want a second at the most", took)
		}
	})
}

// Attack: an intercepted logout token is sent again. Each token is accepted once, in every
// spelling of the request. The session that it named stays ended.
func TestALogoutTokenIsTakenOnce(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *logoutGate) {
		for _, changes := range []map[string]any{{"sid": "laptop"}, {"sub": "alice"}} {
			raw := g.logoutToken(t, changes)
			wantLoggedOut(t, g.logOut(t, raw))
			wantRefused(t, g.logOut(t, raw), http.StatusBadRequest, "invalid_request")
			wantRefused(t, g.logOut(t, g.Key.Twin(t, raw)), http.StatusBadRequest, "invalid_request")
			wantRefused(t, g.Serve(t, logoutRequest("x=y&%6cogout_token="+raw)), http.StatusBadRequest, "invalid_request")
		}
		g.Get(t, "/", g.Of(t, "next")).Want(t, http.StatusOK, "")
	})
}

// Attack: a logout token and an access token have the same id. The access token must not
// end by it, and must not count as a received logout.
func TestALogoutTokenIsNoAccessToken(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *logoutGate) {
		bare := g.Mint(t, map[string]any{"sid": nil, "jti": "same"})
		wantLoggedOut(t, g.logOut(t, g.logoutToken(t, map[string]any{"sid": "x", "jti": "same"})))
		g.Get(t, "/", bare).Want(t, http.StatusOK, "")
		g.RevokeOwn(t, bare)
		wantLoggedOut(t, g.logOut(t, g.logoutToken(t, map[string]any{"sid": "y", "jti": "same too"})))
		// A logout token admits nothing.
		g.Get(t, "/", g.logoutToken(t, map[string]any{"sid": "z"})).Want(t, http.StatusUnauthorized, "unauthorized")
	})
}

// Attack: any token except a logout token of the issuer for this client. All get the same
// answer, and end nothing.
func TestWhatIsNoLogoutTokenEndsNothing(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *logoutGate) {
		laptop := g.Of(t, "laptop")
		first := g.logOut(t, "x")
		for name, changes := range map[string]map[string]any{
			"another issuer": {"iss": "https://evil.example"}, "another client": {"aud": "web"}, "expired": {"iat": 1, "exp": 2}, "a nonce": {"nonce": "n"},
			"no event": {"events": map[string]any{}}, "no id": {"jti": ""}, "nobody": {"sid": nil, "sub": nil},
		} {
			whole := map[string]any{"sid": "laptop", "sub": "alice"}
			maps.Copy(whole, changes)
			a := g.logOut(t, g.logoutToken(t, whole))
			wantRefused(t, a, http.StatusBadRequest, "invalid_request")
			if a.Body.String() != first.Body.String() {
				t.Errorf("%s has an answer of its own: %s, want %s", name, a.Body, first.Body)
			}
		}
		for _, raw := range []string{laptop, strings.Repeat("x", 9<<10), "a.b.c.d.e"} {
			wantRefused(t, g.logOut(t, raw), http.StatusBadRequest, "invalid_request")
		}
		g.Get(t, "/", laptop).Want(t, http.StatusOK, "")
	})
}

func TestLogoutRequestsAreFormsWithOneToken(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *logoutGate) {
		raw := g.logoutToken(t, map[string]any{"sid": "laptop"})
		for _, form := range []string{
			"", "x=y", "logout_token=", "logout_token", "Logout_Token=" + raw, "logout_token=" + raw + "&logout_token=" + raw, "logout_token=" + raw + ";x=y",
			"logout_token=" + raw + "&x=%zz", "logout_token=" + raw + "&logout_token=", `{"logout_token":"` + raw + `"}`,
			"logout_token=" + raw + "&x=" + strings.Repeat("y", 16<<10),
		} {
			for _, length := range []int64{int64(len(form)), -1} {
				r := logoutRequest(form)
				r.ContentLength = length
				wantRefused(t, g.Serve(t, r), http.StatusBadRequest, "invalid_request")
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
			wantRefused(t, g.Serve(t, r), http.StatusBadRequest, "invalid_request")
		}
		// A token in the query does not count. Unknown parameters are ignored.
		r := logoutRequest("x=y")
		r.URL.RawQuery = "logout_token=" + raw
		wantRefused(t, g.Serve(t, r), http.StatusBadRequest, "invalid_request")
		r = logoutRequest("state=1&logout_token=" + url.QueryEscape(raw))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=ISO-8859-1")
		wantLoggedOut(t, g.Serve(t, r))
	})
}

// An issuer's logout ends nothing, and neither the user nor the issuer's operator learns why:
// the answer does not say it. So the log of the gate does. Attack: somebody fills the log with
// tokens that no issuer has signed, or with one that was.
func TestARefusedLogoutTokenOfAnIssuerIsAWarning(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *logoutGate) {
		warnings := func(raw string) []string {
			g.Log.Reset()
			wantRefused(t, g.logOut(t, raw), http.StatusBadRequest, "invalid_request")
			return slices.Collect(strings.Lines(g.Log.String()))
		}
		for reason, changes := range map[string]map[string]any{
			"aud does not name this gate": {"aud": "web"}, "nonce is prohibited": {"nonce": "n"}, "events does not name a logout": {"events": map[string]any{}},
			"its time is over": {"iat": 1, "exp": 2},
		} {
			whole := map[string]any{"sid": "secret-session"}
			maps.Copy(whole, changes)
			time.Sleep(time.Second)
			got := warnings(g.logoutToken(t, whole))
			if len(got) != 1 || !strings.Contains(got[0], "level=WARN") || !strings.Contains(got[0], reason) ||
				!strings.Contains(got[0], "issuer="+tokentest.Issuer) || strings.Contains(got[0], "secret") {
				t.Errorf("%s: the log says %q", reason, got)
			}
		}
		time.Sleep(time.Second)
		raw := g.logoutToken(t, map[string]any{"sid": "laptop"})
		wantLoggedOut(t, g.logOut(t, raw))
		if got := warnings(raw); len(got) != 1 || !strings.Contains(got[0], "received before") {
			t.Errorf("a token that comes again: %q", got)
		}
		// One warning a second.
		bad := g.logoutToken(t, map[string]any{"sid": "laptop", "aud": "web"})
		for range 5 {
			if got := warnings(bad); len(got) != 0 {
				t.Errorf("within the second: %q", got)
			}
		}
		time.Sleep(time.Second)
		for _, raw := range []string{"x", raw + "x", g.logoutToken(t, map[string]any{"sid": "a", "iss": "https://evil.example"})} {
			if got := warnings(raw); len(got) != 0 {
				t.Errorf("a token that no issuer has signed: %q", got)
			}
		}
	})
}

// A gate that cannot prove that its set is fresh answers 503. It refuses the session from
// now on, and lets the issuer retry the same token.
func TestAFencedGateRetriesALogout(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *logoutGate) {
		verified, err := g.Verifier.Verify(g.Of(t, "laptop"), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		g.Fence()
		raw := g.logoutToken(t, map[string]any{"sid": "laptop"})
		for range 2 {
			wantRefused(t, g.logOut(t, raw), http.StatusServiceUnavailable, "temporarily_unavailable")
		}
		wantRefused(t, g.logOut(t, "x"), http.StatusBadRequest, "invalid_request")
		if g.Hub.Look(&verified.Keys) != replica.BySession {
			t.Error("the gate forgot what it could not confirm")
		}
	})
}
