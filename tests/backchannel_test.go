package tests

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

const (
	logoutEndpoint = "/v1/auth/logout"
	withLogout     = "backchannel_logout " + logoutEndpoint
)

var (
	badLogout = answer{
		status: 400, body: `{"error":"invalid_request","error_description":"The logout token is not valid, or was received before."}`,
	}
	badLogoutRequest = answer{
		status: 400, body: `{"error":"invalid_request","error_description":"The body must be a form with one logout_token, of at most 16 KiB."}`,
	}
	uncertainLogout = answer{
		status: 503, retryAfter: "1",
		body: `{"error":"temporarily_unavailable","error_description":"The logout is not confirmed yet. Retry the same request."}`,
	}
)

// logoutToken is a good logout token with this id, and with changes: a nil value
// leaves the claim out.
func logoutToken(tb testing.TB, key *tokentest.Key, id string, changes map[string]any, header ...map[string]any) string {
	tb.Helper()
	now := time.Now()
	claims := map[string]any{
		"iss": tokentest.Issuer, "aud": tokentest.Audience, "sub": "alice", "jti": id, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return tokentest.Mint(tb, key, claims, header...)
}

// logOut sends a logout token as an issuer does.
func logOut(tb testing.TB, g *harness.Gate, logoutToken string) harness.Answer {
	tb.Helper()
	return g.Send(tb, "POST", logoutEndpoint, harness.Body("application/x-www-form-urlencoded", "logout_token="+logoutToken))
}

func checkLoggedOut(t *testing.T, got harness.Answer) {
	t.Helper()
	if got.Status != 200 || got.Body != "" {
		t.Errorf("answer is %d %q, want 200 and nothing", got.Status, got.Body)
	}
	checkFields(t, got.Header, map[string]string{"Cache-Control": "no-store"})
}

// Attack: go on with a token after its issuer ended the session, at another gate, at
// once; or have a logout done twice.
func TestALogoutOfTheIssuerHoldsEverywhere(t *testing.T) {
	eachSessionsPair(t, withLogout, func(t *testing.T, a, b *harness.Gate) {
		laptop, phone, bobs := a.Token(session("laptop")), a.Token(session("phone")), a.Token(session("bobs", "sub", "bob"))
		see(t, b, laptop, phone, bobs)
		ofSession := logoutToken(t, a.Key, "1", map[string]any{"sid": "laptop"}, map[string]any{"typ": "logout+jwt"})
		checkLoggedOut(t, logOut(t, a, ofSession))
		badToken.check(t, get(t, b, laptop))
		checkAdmitted(t, get(t, b, phone))
		badLogout.check(t, logOut(t, b, ofSession))
		badLogout.check(t, logOut(t, a, ofSession))

		ofSubject := logoutToken(t, a.Key, "2", nil)
		checkLoggedOut(t, logOut(t, b, ofSubject))
		again := a.Token(session("again"))
		for _, g := range []*harness.Gate{a, b} {
			badToken.check(t, get(t, g, phone))
			badToken.check(t, get(t, g, a.Token(session("never seen", "iat", time.Now().Unix()-5))))
			checkAdmitted(t, get(t, g, bobs))
			checkAdmitted(t, get(t, g, again))
			badLogout.check(t, logOut(t, g, ofSubject))
		}
		checkAdmitted(t, get(t, a, again))
		// A logout token lets nobody in.
		badToken.check(t, get(t, a, logoutToken(t, a.Key, "3", map[string]any{"sid": "again"})))
	})
}

// OpenID Connect Back-Channel Logout 1.0 §2.6, each rule broken once: 400, alike, and
// nothing is ended.
func TestWhatIsNoLogoutTokenIsRefusedAndEndsNothing(t *testing.T) {
	g := harness.Start(t, harness.Config{Gate: withLogout})
	laptop := g.Token(session("laptop"))
	now := time.Now().Unix()
	event := "http://schemas.openid.net/event/backchannel-logout"
	for name, changes := range map[string]map[string]any{
		"iss":                   {"iss": "https://evil.example"},
		"aud":                   {"aud": "another-client"},
		"no aud":                {"aud": nil},
		"no iat":                {"iat": nil},
		"iat ahead":             {"iat": now + 3600, "exp": now + 3660},
		"no exp":                {"exp": nil},
		"exp over":              {"iat": now - 300, "exp": now - 180},
		"exp far off":           {"exp": now + 3600},
		"no jti":                {"jti": nil},
		"neither sub nor sid":   {"sub": nil, "sid": nil},
		"no events":             {"events": nil},
		"no event of a logout":  {"events": map[string]any{event + "/": map[string]any{}}},
		"an event of no object": {"events": map[string]any{event: true}},
		"nonce":                 {"nonce": "n"},
	} {
		t.Run(name, func(t *testing.T) {
			whole := map[string]any{"sid": "laptop"}
			maps.Copy(whole, changes)
			badLogout.check(t, logOut(t, g, logoutToken(t, g.Key, name, whole)))
		})
	}
	other := harness.NewKey()
	badLogout.check(t, logOut(t, g, logoutToken(t, other, "signature", map[string]any{"sid": "laptop"})))
	for _, header := range []map[string]any{{"alg": "none"}, {"typ": "at+jwt"}, {"crit": []string{"x"}}} {
		badLogout.check(t, logOut(t, g, logoutToken(t, g.Key, "header", map[string]any{"sid": "laptop"}, header)))
	}
	good := logoutToken(t, g.Key, "good", map[string]any{"sid": "laptop"})
	badLogout.check(t, logOut(t, g, good[:strings.LastIndexByte(good, '.')+1]))
	badLogout.check(t, logOut(t, g, laptop))
	badLogoutRequest.check(t, logOut(t, g, good+"&logout_token="+good))
	badLogoutRequest.check(t, g.Send(t, "POST", logoutEndpoint, harness.JSON(`{"logout_token":"`+good+`"}`)))
	badLogoutRequest.check(t, g.Send(t, "POST", logoutEndpoint+"?logout_token="+good))
	checkUnreached(t, g)
	checkAdmitted(t, get(t, g, laptop))
	// And the same token, as it has to be sent, is good.
	checkLoggedOut(t, logOut(t, g, good))
	badToken.check(t, get(t, g, laptop))
}

// Clients have other names than what access tokens are for.
func TestLogoutTokensAreForTheClient(t *testing.T) {
	g := harness.Start(t, harness.Config{
		Gate:    withLogout,
		Issuers: "issuer " + tokentest.Issuer + " {\nhmac_secret {file.{$GATE_DIR}/hmac_secret}\naudience legacy-app\nlogout_audience web mobile\n}",
	})
	laptop := g.Token(session("laptop"))
	badLogout.check(t, logOut(t, g, logoutToken(t, g.Key, "1", map[string]any{"sid": "laptop"})))
	checkAdmitted(t, get(t, g, laptop))
	checkLoggedOut(t, logOut(t, g, logoutToken(t, g.Key, "2", map[string]any{"sid": "laptop", "aud": "web"})))
	badToken.check(t, get(t, g, laptop))
}

// The path needs no credential, over every version of HTTP, and no spelling of it
// goes upstream.
func TestTheLogoutPathOverEveryProtocol(t *testing.T) {
	g := harness.Start(t, harness.Config{TLS: true, Gate: withLogout})
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		name := string(protocol)
		laptop := g.Token(session(name))
		send := func(method, target string, fields ...string) harness.Answer {
			t.Helper()
			return g.Over(t, protocol, harness.Request{
				Method: method, Target: target, Fields: append(fields, "Content-Type: application/x-www-form-urlencoded"),
				Body: "logout_token=" + logoutToken(t, g.Key, name, map[string]any{"sid": name}),
			})
		}
		for _, target := range []string{logoutEndpoint + "/", "/" + logoutEndpoint, "/V1/auth/logout", "/v1/auth/%6cogout", logoutEndpoint + ";x", "/v1/auth/x/../logout"} {
			misspelt.check(t, send("POST", target))
		}
		noToken.check(t, send("PUT", logoutEndpoint))
		checkUnreached(t, g)
		checkLoggedOut(t, send("POST", logoutEndpoint))
		badToken.check(t, g.Over(t, protocol, harness.Request{Method: "GET", Target: "/", Fields: []string{"Authorization: Bearer " + laptop}}))
	})
}

// Fault: the issuer's keys were never to be had. Whether the token is good is not
// known, and the issuer may send it again.
func TestALogoutIsUncertainWithoutKeys(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "key-1")
	keys := tokentest.NewEndpoint(t, key)
	url := keys.Serve(t)
	keys.Behave(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not yet", http.StatusServiceUnavailable) })
	g := harness.Start(t, harness.Config{
		Key: key, Gate: withLogout, Issuers: "issuer " + url + " {\njwks " + url + tokentest.KeySetPath + "\naudience legacy-app\n}",
	})
	raw := logoutToken(t, key, "1", map[string]any{"iss": url, "sid": "laptop"})
	uncertainLogout.check(t, logOut(t, g, raw))
	keys.Behave(nil)
	harness.Eventually(t, 15*time.Second, "the logout is done", func() bool { return logOut(t, g, raw).Status == 200 })
	badToken.check(t, get(t, g, g.Token(session("laptop", "iss", url))))
}

// Fault: Redis is frozen. The gate refuses the session at once and promises nothing,
// and the same token may be sent until it is taken, once.
func TestALogoutIsUncertainWhileTheStoreIsFrozen(t *testing.T) {
	server := redistest.Start(t)
	g := harness.Start(t, harness.Config{Store: harness.Redis(server.Addr(), "orders"), Gate: withLogout})
	laptop, live := g.Token(session("laptop")), g.Token(session("lives on", "sub", "bob"))
	see(t, g, laptop, live)
	raw := logoutToken(t, g.Key, "1", map[string]any{"sid": "laptop"})
	server.Freeze()
	uncertainLogout.check(t, logOut(t, g, raw)) // with a lease that is still good, or fenced
	harness.Eventually(t, 5*time.Second, "the gate is fenced", func() bool { return get(t, g, live).Status == 503 })
	uncertainLogout.check(t, logOut(t, g, raw))
	server.Thaw()
	recovers(t, g, live)
	badToken.check(t, get(t, g, laptop))
	checkLoggedOut(t, logOut(t, g, raw))
	badLogout.check(t, logOut(t, g, raw))
}

func TestTheCaddyfileOfTheGuideToLogoutsIsValid(t *testing.T) {
	for _, block := range harness.Blocks(t, "docs/backchannel-logout.md") {
		if block.Language != "caddyfile" || !strings.Contains(block.Text, withLogout) {
			t.Errorf("no test runs the block %q", block.Text)
		}
		checkCaddyfile(t, block.Text)
	}
}
