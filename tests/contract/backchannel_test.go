package contract

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

const (
	logoutEndpoint = "/v1/auth/logout"
	withLogout     = "backchannel_logout " + logoutEndpoint
)

var (
	badLogout = answers.Answer{
		Status: 400, Body: `{"error":"invalid_request","error_description":"The logout token is not valid, or was received before."}`,
	}
	badLogoutRequest = answers.Answer{
		Status: 400, Body: `{"error":"invalid_request","error_description":"The body must be a form with one logout_token, of at most 16 KiB."}`,
	}
	uncertainLogout = answers.Answer{
		Status: 503, RetryAfter: "1",
		Body: `{"error":"temporarily_unavailable","error_description":"The logout is not confirmed yet. Retry the same request."}`,
	}
)

// logoutToken returns a valid logout token with this id, and with changes: a nil value
// removes the claim.
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
	answers.Fields(t, got.Header, map[string]string{"Cache-Control": "no-store"})
}

// Attack: use a token at another gate at once after its issuer ended the session, or repeat
// a logout.
func TestALogoutOfTheIssuerHoldsEverywhere(t *testing.T) {
	t.Parallel()
	eachSessionsPair(t, withLogout, func(t *testing.T, a, b *harness.Gate) {
		laptop, phone, bobs := a.Token(harness.Session("laptop")), a.Token(harness.Session("phone")), a.Token(harness.Session("bobs", "sub", "bob"))
		harness.See(t, b, laptop, phone, bobs)
		ofSession := logoutToken(t, a.Key, "1", map[string]any{"sid": "laptop"}, map[string]any{"typ": "logout+jwt"})
		checkLoggedOut(t, logOut(t, a, ofSession))
		answers.BadToken.Check(t, harness.Get(t, b, laptop))
		harness.CheckAdmitted(t, harness.Get(t, b, phone))
		badLogout.Check(t, logOut(t, b, ofSession))
		badLogout.Check(t, logOut(t, a, ofSession))

		ofSubject := logoutToken(t, a.Key, "2", nil)
		checkLoggedOut(t, logOut(t, b, ofSubject))
		again := a.Token(harness.Session("again"))
		for _, g := range []*harness.Gate{a, b} {
			answers.BadToken.Check(t, harness.Get(t, g, phone))
			answers.BadToken.Check(t, harness.Get(t, g, a.Token(harness.Session("never seen", "iat", time.Now().Unix()-5))))
			harness.CheckAdmitted(t, harness.Get(t, g, bobs))
			harness.CheckAdmitted(t, harness.Get(t, g, again))
			badLogout.Check(t, logOut(t, g, ofSubject))
		}
		harness.CheckAdmitted(t, harness.Get(t, a, again))
		// A logout token admits nobody.
		answers.BadToken.Check(t, harness.Get(t, a, logoutToken(t, a.Key, "3", map[string]any{"sid": "again"})))
	})
}

// OpenID Connect Back-Channel Logout 1.0 §2.6, with each rule broken once. The answer is
// the same 400, and nothing is ended.
func TestWhatIsNoLogoutTokenIsRefusedAndEndsNothing(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{Gate: withLogout})
	laptop := g.Token(harness.Session("laptop"))
	now := time.Now().Unix()
	event := "http://schemas.openid.net/event/backchannel-logout"
	for name, changes := range map[string]map[string]any{
		"iss":                   {"iss": "https://evil.example"},
		"aud":                   {"aud": "another-client"},
		"no aud":                {"aud": nil},
		"no iat":                {"iat": nil},
		"iat ahead":             {"iat": now + 3600, "exp": now + 3660},
		"no exp, and old":       {"exp": nil, "iat": now - 200},
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
			badLogout.Check(t, logOut(t, g, logoutToken(t, g.Key, name, whole)))
		})
	}
	other := harness.NewKey()
	badLogout.Check(t, logOut(t, g, logoutToken(t, other, "signature", map[string]any{"sid": "laptop"})))
	for _, header := range []map[string]any{{"alg": "none"}, {"typ": "at+jwt"}, {"crit": []string{"x"}}} {
		badLogout.Check(t, logOut(t, g, logoutToken(t, g.Key, "header", map[string]any{"sid": "laptop"}, header)))
	}
	good := logoutToken(t, g.Key, "good", map[string]any{"sid": "laptop"})
	badLogout.Check(t, logOut(t, g, good[:strings.LastIndexByte(good, '.')+1]))
	badLogout.Check(t, logOut(t, g, laptop))
	badLogoutRequest.Check(t, logOut(t, g, good+"&logout_token="+good))
	badLogoutRequest.Check(t, g.Send(t, "POST", logoutEndpoint, harness.JSON(`{"logout_token":"`+good+`"}`)))
	badLogoutRequest.Check(t, g.Send(t, "POST", logoutEndpoint+"?logout_token="+good))
	harness.CheckUnreached(t, g)
	harness.CheckAdmitted(t, harness.Get(t, g, laptop))
	// The same token, sent correctly, is valid.
	checkLoggedOut(t, logOut(t, g, good))
	answers.BadToken.Check(t, harness.Get(t, g, laptop))
}

// Client ids differ from the audiences of access tokens.
func TestLogoutTokensAreForTheClient(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{
		Gate:    withLogout,
		Issuers: harness.IssuerWith("logout_audience web mobile"),
	})
	laptop := g.Token(harness.Session("laptop"))
	badLogout.Check(t, logOut(t, g, logoutToken(t, g.Key, "1", map[string]any{"sid": "laptop"})))
	harness.CheckAdmitted(t, harness.Get(t, g, laptop))
	checkLoggedOut(t, logOut(t, g, logoutToken(t, g.Key, "2", map[string]any{"sid": "laptop", "aud": "web"})))
	answers.BadToken.Check(t, harness.Get(t, g, laptop))
}

// The path needs no credential, over every version of HTTP, and no spelling of it goes
// upstream.
func TestTheLogoutPathOverEveryProtocol(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true, Gate: withLogout})
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		name := string(protocol)
		laptop := g.Token(harness.Session(name))
		send := func(method, target string, fields ...string) harness.Answer {
			t.Helper()
			return g.Over(t, protocol, harness.Request{
				Method: method, Target: target, Fields: append(fields, "Content-Type: application/x-www-form-urlencoded"),
				Body: "logout_token=" + logoutToken(t, g.Key, name, map[string]any{"sid": name}),
			})
		}
		for _, target := range []string{logoutEndpoint + "/", "/" + logoutEndpoint, "/V1/auth/logout", "/v1/auth/%6cogout", logoutEndpoint + ";x", "/v1/auth/x/../logout"} {
			answers.OtherSpelling.Check(t, send("POST", target))
		}
		answers.NoToken.Check(t, send("PUT", logoutEndpoint))
		harness.CheckUnreached(t, g)
		checkLoggedOut(t, send("POST", logoutEndpoint))
		answers.BadToken.Check(t, g.Over(t, protocol, harness.Request{Method: "GET", Target: "/", Fields: []string{"Authorization: Bearer " + laptop}}))
	})
}

// Fault: the issuer's keys were never available. The gate cannot know whether the token is
// valid, and the issuer may send it again.
func TestALogoutIsUncertainWithoutKeys(t *testing.T) {
	t.Parallel()
	key := tokentest.NewKey(t, "ES256", "key-1")
	keys := tokentest.NewEndpoint(t, key)
	url := keys.Serve(t)
	keys.Behave(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not yet", http.StatusServiceUnavailable) })
	g := harness.Start(t, harness.Config{
		Key: key, Gate: withLogout, Issuers: "issuer " + url + " {\njwks " + url + tokentest.KeySetPath + "\naudience legacy-app\n}",
	})
	raw := logoutToken(t, key, "1", map[string]any{"iss": url, "sid": "laptop"})
	uncertainLogout.Check(t, logOut(t, g, raw))
	keys.Behave(nil)
	harness.Eventually(t, 15*time.Second, "the logout is done", func() bool { return logOut(t, g, raw).Status == 200 })
	answers.BadToken.Check(t, harness.Get(t, g, g.Token(harness.Session("laptop", "iss", url))))
}

// Fault: Redis is frozen. The gate refuses the session at once without a confirmation. The
// same token may be sent until it is accepted, once.
func TestALogoutIsUncertainWhileTheStoreIsFrozen(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	g := harness.Start(t, harness.Config{Store: harness.Redis(server.Addr(), "orders"), Gate: withLogout})
	laptop, live := g.Token(harness.Session("laptop")), g.Token(harness.Session("lives on", "sub", "bob"))
	harness.See(t, g, laptop, live)
	raw := logoutToken(t, g.Key, "1", map[string]any{"sid": "laptop"})
	server.Freeze()
	uncertainLogout.Check(t, logOut(t, g, raw)) // with a lease that is still valid, or fenced
	harness.Eventually(t, 5*time.Second, "the gate is fenced", func() bool { return harness.Get(t, g, live).Status == 503 })
	uncertainLogout.Check(t, logOut(t, g, raw))
	server.Thaw()
	harness.Recovers(t, g, live)
	answers.BadToken.Check(t, harness.Get(t, g, laptop))
	checkLoggedOut(t, logOut(t, g, raw))
	badLogout.Check(t, logOut(t, g, raw))
}
