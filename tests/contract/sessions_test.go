package contract

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// sessionsEndpoint is the path at which all sessions of a user are listed and ended.
const (
	sessionsEndpoint = "/v1/auth/sessions"
	withSessions     = "sessions_endpoint " + sessionsEndpoint
)

var (
	allInvalidated = answers.Answer{Status: 200, Body: `{"message":"Sessions invalidated successfully."}`}
	badQuery       = answers.Refusal(400, "invalid_request", "The query must be empty, or except=current.", "")
)

// endEverywhere ends all sessions of a token's user, with this query.
func endEverywhere(t *testing.T, g *harness.Gate, token, query string) harness.Answer {
	t.Helper()
	return g.Send(t, "DELETE", sessionsEndpoint+query, harness.Bearer(token))
}

// eachSessionsPair runs a test with two gates of a fleet, and with one gate as both.
func eachSessionsPair(t *testing.T, gate string, test func(t *testing.T, a, b *harness.Gate)) {
	t.Helper()
	harness.EachStore(t, func(t *testing.T, store string) {
		a := harness.Start(t, harness.Config{Store: store, Gate: gate})
		b := a
		if store != "store bolt" {
			b = harness.Start(t, harness.Config{Store: store, Gate: gate, Key: a.Key, Upstream: a.Upstream})
		}
		test(t, a, b)
	})
}

// Attack: when all sessions of a user were ended, use any token of the user at another gate
// at once. A new login is admitted everywhere at once.
func TestAllSessionsOfAUserEndEverywhere(t *testing.T) {
	t.Parallel()
	eachSessionsPair(t, withSessions, func(t *testing.T, a, b *harness.Gate) {
		bobs := a.Token(harness.Session("bobs", "sub", "bob"))
		for round := range 3 {
			name := func(device string) string { return fmt.Sprint(device, " ", round) }
			laptop, phone, unseen := a.Token(harness.Session(name("laptop"))), a.Token(harness.Session(name("phone"))), a.Token(harness.Session(name("unseen")))
			bare := a.Token(map[string]any{"sid": nil, "jti": name("bare")})
			harness.See(t, a, laptop)
			harness.See(t, b, phone, bare)
			allInvalidated.Check(t, endEverywhere(t, a, laptop, ""))
			again := a.Token(harness.Session(name("again")))
			for _, g := range []*harness.Gate{b, a} {
				for _, token := range []string{laptop, phone, unseen, bare} {
					answers.BadToken.Check(t, harness.Get(t, g, token))
				}
				harness.CheckAdmitted(t, harness.Get(t, g, bobs))
				harness.CheckAdmitted(t, harness.Get(t, g, again))
			}
			answers.BadToken.Check(t, endEverywhere(t, b, phone, ""))
			harness.CheckAdmitted(t, harness.Get(t, b, again))
		}
	})
}

// Attack: the exception of one revocation applies to later ones.
func TestAllSessionsButOneEndEverywhere(t *testing.T) {
	t.Parallel()
	eachSessionsPair(t, withSessions, func(t *testing.T, a, b *harness.Gate) {
		laptop, phone := a.Token(harness.Session("laptop")), a.Token(harness.Session("phone"))
		harness.See(t, a, laptop)
		harness.See(t, b, phone)
		for range 2 {
			allInvalidated.Check(t, endEverywhere(t, a, laptop, "?except=current"))
			for _, g := range []*harness.Gate{b, a} {
				answers.BadToken.Check(t, harness.Get(t, g, phone))
				harness.CheckAdmitted(t, harness.Get(t, g, laptop))
			}
		}
		tablet := a.Token(harness.Session("tablet"))
		allInvalidated.Check(t, endEverywhere(t, b, tablet, "?except=current"))
		for _, g := range []*harness.Gate{a, b} {
			answers.BadToken.Check(t, harness.Get(t, g, laptop))
			answers.BadToken.Check(t, harness.Get(t, g, phone))
			harness.CheckAdmitted(t, harness.Get(t, g, tablet))
		}
		badQuery.Check(t, endEverywhere(t, a, tablet, "?except=all"))
		harness.CheckAdmitted(t, harness.Get(t, b, tablet))
	})
}

// ids returns the sessions of a list, and the start of the next page.
func ids(t *testing.T, got harness.Answer) (ids []string, next string) {
	t.Helper()
	if got.Status != 200 {
		t.Fatalf("listing is answered %d %s", got.Status, got.Body)
	}
	object := harness.JSONOf(t, got.Body)
	for _, listed := range object["sessions"].([]any) {
		ids = append(ids, listed.(map[string]any)["session_id"].(string))
	}
	next, _ = object["next"].(string)
	slices.Sort(ids)
	return ids, next
}

func TestSessionsAreListedAtEveryGate(t *testing.T) {
	eachSessionsPair(t, withSessions, func(t *testing.T, a, b *harness.Gate) {
		list := func(g *harness.Gate, token string) []string {
			listed, _ := ids(t, g.Send(t, "GET", sessionsEndpoint, harness.Bearer(token)))
			return listed
		}
		laptop, phone := a.Token(harness.Session("laptop")), a.Token(harness.Session("phone"))
		harness.See(t, a, laptop, a.Token(harness.Session("bobs", "sub", "bob")))
		harness.See(t, b, phone)
		if got := list(b, phone); !slices.Contains(got, "phone") {
			t.Errorf("at the gate that has just seen it the list is %q", got)
		}
		for _, g := range []*harness.Gate{a, b} {
			harness.Eventually(t, harness.Propagation, "both gates list both sessions", func() bool {
				return slices.Equal(list(g, laptop), []string{"laptop", "phone"})
			})
		}
		for i := range 5 {
			harness.See(t, b, a.Token(harness.Session(fmt.Sprint("session ", i))))
		}
		first, next := ids(t, b.Send(t, "GET", sessionsEndpoint+"?limit=4", harness.Bearer(laptop)))
		second, end := ids(t, b.Send(t, "GET", sessionsEndpoint+"?limit=4&after="+next, harness.Bearer(laptop)))
		if all := append(first, second...); len(first) != 4 || len(second) != 3 || end != "" {
			t.Errorf("the pages are %q and %q", first, all)
		}
		// One session is ended by its path, and is in no list from then on.
		answers.InvalidatedID("phone").Check(t, b.Send(t, "DELETE", sessionsEndpoint+"/phone", harness.Bearer(laptop)))
		answers.BadToken.Check(t, harness.Get(t, a, phone))
		answers.NoSession.Check(t, b.Send(t, "DELETE", sessionsEndpoint+"/phone", harness.Bearer(laptop)))
		answers.NoSession.Check(t, a.Send(t, "DELETE", sessionsEndpoint+"/bobs", harness.Bearer(laptop)))
		allInvalidated.Check(t, endEverywhere(t, a, laptop, "?except=current"))
		for _, g := range []*harness.Gate{a, b} {
			if got := list(g, laptop); !slices.Equal(got, []string{"laptop"}) {
				t.Errorf("the list is %q where one session is left", got)
			}
		}
		if head := a.Send(t, "HEAD", sessionsEndpoint, harness.Bearer(laptop)); head.Status != 200 || head.Body != "" {
			t.Errorf("HEAD is answered %d %q", head.Status, head.Body)
		}
		harness.CheckUnreached(t, a)
	})
}

// Attack: an upstream reads a DELETE as one of a session, or of all, and the gate does not.
// Over every version of HTTP.
func TestSpellingsOfTheSessionsEndpointNeverGoUpstream(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true, Gate: withSessions})
	laptop := g.Token(harness.Session("laptop"))
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		send := func(method, target string) harness.Answer {
			t.Helper()
			return g.Over(t, protocol, harness.Request{Method: method, Target: target, Fields: []string{"Authorization: Bearer " + laptop}})
		}
		for _, target := range []string{
			"/v1/auth/sessions/", "//v1/auth/sessions", "/V1/auth/sessions", "/v1/auth/%73essions", "/v1/auth/sessions;x", "/v1/auth/sessions/x/y",
			"/v1/auth/sessions/x/", "//v1/auth/sessions/x", "/v1/auth/Sessions/x", "/v1/auth/%73essions/x", "/v1/auth/sessions%2fx", "/v1/auth/sessions/./x",
			"/v1/auth/sessions/..", "/v1/auth/sessions/%2e", "/v1/auth/sessions/%2e%2e", "/v1/auth/a/../sessions/x", "/v1/auth/sessions/a%2f..",
		} {
			answers.OtherSpelling.Check(t, send("DELETE", target))
		}
		answers.NoSession.Check(t, send("DELETE", sessionsEndpoint+"/a%2Fb"))
		answers.NoSession.Check(t, send("DELETE", sessionsEndpoint+"/%252e%252e"))
		badQuery.Check(t, send("DELETE", sessionsEndpoint+"?except=%63urrent"))
		if got, _ := ids(t, send("GET", sessionsEndpoint)); !slices.Equal(got, []string{"laptop"}) {
			t.Errorf("the list is %q", got)
		}
		harness.CheckUnreached(t, g)
		harness.CheckAdmitted(t, send("GET", sessionsEndpoint+"/x"))
		harness.CheckAdmitted(t, send("DELETE", "/v1/auth/sessionsx/y"))
		g.Upstream.Take()
	})
}

func TestBrowsersAtTheSessionsEndpoint(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{Gate: withSessions + "\ntoken header Authorization\ntoken cookie session\ncors " + appOrigin})
	laptop := g.Token(harness.Session("laptop"))
	cookie := harness.Cookie("session=" + laptop)
	for path, methods := range map[string]string{sessionsEndpoint: "GET, DELETE", sessionsEndpoint + "/x": "DELETE"} {
		answers.Fields(t, preflight(t, g, path, appOrigin).Header, map[string]string{
			"Access-Control-Allow-Origin": appOrigin, "Access-Control-Allow-Methods": methods, "Access-Control-Allow-Credentials": "true",
		})
		answers.Fields(t, preflight(t, g, path, "https://evil.example.net").Header, map[string]string{"Access-Control-Allow-Origin": ""})
		// Attack: a page of another site ends the visitor's sessions with the cookie.
		answers.ForeignSite.Check(t, g.Send(t, "DELETE", path, cookie, harness.Header("Origin", "https://evil.example.net")))
		answers.ForeignSite.Check(t, g.Send(t, "DELETE", path, cookie, harness.Header("Sec-Fetch-Site", "same-site")))
	}
	// The page may request the list, but not read it.
	for origin, want := range map[string]string{appOrigin: appOrigin, "https://evil.example.net": ""} {
		got := g.Send(t, "GET", sessionsEndpoint, cookie, harness.Header("Origin", origin))
		answers.Fields(t, got.Header, map[string]string{"Access-Control-Allow-Origin": want, "Vary": "Origin", "Cache-Control": "no-store"})
	}
	harness.CheckUnreached(t, g)
	allInvalidated.Check(t, g.Send(t, "DELETE", sessionsEndpoint, cookie, harness.Header("Origin", appOrigin)))
	answers.BadToken.Check(t, harness.Get(t, g, laptop))
}
