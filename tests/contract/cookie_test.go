package contract

import (
	"slices"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Attack: a page of another site sends the DELETE, and the browser adds the cookie
// (cross-site request forgery).
func TestCookieOfAnotherSitesRequestEndsNothing(t *testing.T) {
	t.Parallel()
	const app = "https://app.example.com"
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{
			Store: store, Gate: "token header Authorization\ntoken cookie session\ncors " + app,
		})
		own := "http://" + g.Addr()
		fields := func(origin, site string) (changes []harness.Change) {
			if origin != "" {
				changes = append(changes, harness.Header("Origin", origin))
			}
			if site != "" {
				changes = append(changes, harness.Header("Sec-Fetch-Site", site))
			}
			return changes
		}
		for name, sender := range map[string]struct{ origin, site string }{
			"another origin":                {"https://evil.example.net", ""},
			"another origin, cross-site":    {"https://evil.example.net", "cross-site"},
			"cross-site without an origin":  {"", "cross-site"},
			"an opaque origin":              {"null", ""},
			"another port":                  {"http://127.0.0.1:1", ""},
			"a longer name":                 {own + ".evil.example.net", ""},
			"the allowed one as a prefix":   {app + ".evil.example.net", "cross-site"},
			"the allowed one without TLS":   {"http://app.example.com", "cross-site"},
			"own origin that is cross-site": {own, "cross-site"},
			"a made up word":                {"", "other-site"},
		} {
			t.Run(name+" is refused", func(t *testing.T) {
				token := g.Token(harness.Session(name))
				changes := fields(sender.origin, sender.site)
				answers.ForeignSite.Check(t, g.Send(t, "DELETE", harness.Endpoint, append(changes, harness.Cookie("session="+token))...))
				// Only the state-changing call is checked like this.
				harness.CheckAdmitted(t, g.Send(t, "GET", "/", append(changes, harness.Cookie("session="+token))...))
				// A client puts a token into a header on purpose.
				answers.Invalidated.Check(t, g.Send(t, "DELETE", harness.Endpoint, append(changes, harness.Bearer(token))...))
			})
		}
		for name, sender := range map[string]struct{ origin, site string }{
			"no browser":               {"", ""},
			"own origin":               {own, ""},
			"own origin, same-origin":  {own, "same-origin"},
			"same-origin":              {"", "same-origin"},
			"the user's own doing":     {"", "none"},
			"an allowed origin":        {app, "cross-site"},
			"an allowed origin, alone": {app, ""},
		} {
			t.Run(name+" is allowed", func(t *testing.T) {
				token := g.Token(harness.Session(name))
				changes := append(fields(sender.origin, sender.site), harness.Cookie("theme=dark; session="+token))
				answers.Invalidated.Check(t, g.Send(t, "DELETE", harness.Endpoint, changes...))
				answers.BadToken.Check(t, harness.Get(t, g, token))
			})
		}
	})
}

// The browser forgets the cookie with the session, whatever path the application has set it
// for, also if the site strips a prefix from paths. Otherwise every page stays a 401.
func TestCookieIsExpiredWithItsSession(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{
		TLS: true, Routes: "handle_path /api/* {\nsession_gate {\n" + harness.BothSources + "\n}\nreverse_proxy {$UPSTREAM}\n}",
	})
	check := func(t *testing.T, session, attributes string, end func(field string) harness.Answer) {
		t.Helper()
		var want []string
		for _, path := range []string{"/", "/api", "/api/v1", "/api/v1/auth"} {
			want = append(want, "session=; Path="+path+attributes)
		}
		token := g.Token(harness.Session(session))
		for _, verdict := range []answers.Answer{answers.Invalidated, answers.NoSession} {
			got := end("Cookie: session=" + token)
			verdict.Check(t, got)
			if expired := got.Header["Set-Cookie"]; !slices.Equal(expired, want) {
				t.Errorf("Set-Cookie is %q, want %q", expired, want)
			}
		}
		got := end("Authorization: Bearer " + g.Token(harness.Session("other than "+session)))
		answers.Invalidated.Check(t, got)
		answers.Fields(t, got.Header, map[string]string{"Set-Cookie": ""})
	}
	check(t, "plain", "; Max-Age=0; HttpOnly; SameSite=Lax", func(field string) harness.Answer {
		return g.Raw(t, harness.Lines("DELETE /api"+harness.Endpoint+" HTTP/1.1", field))
	})
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		check(t, string(protocol), "; Max-Age=0; HttpOnly; Secure; SameSite=Lax", func(field string) harness.Answer {
			return g.Over(t, protocol, harness.Request{Method: "DELETE", Target: "/api" + harness.Endpoint, Fields: []string{field}})
		})
	})
}

// Attack: beside the valid token, the request carries a revoked one that the gate does not
// read and the application uses. It is in a cookie that some reader mistakes for the
// token's, in a value that some reader splits, or after another scheme.
func TestHiddenCredentialsAreRefused(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true, Gate: harness.BothSources})
	good, revoked := g.Token(harness.Session("good")), g.Token(harness.Session("revoked"))
	answers.Invalidated.Check(t, harness.End(t, g, revoked))
	cookie, bearer := "Cookie: session="+good, "Authorization: Bearer "+good
	hidden := map[string]string{
		"a blank of Unicode behind the name":  "session\u00a0=" + revoked,
		"a blank of Latin-1 behind the name":  "session\xa0=" + revoked,
		"a next line before the name":         "\x85session=" + revoked,
		"a tab and a wide blank":              "x=1;\t\u3000session=" + revoked,
		"a byte inside the name":              "sess\xffion=" + revoked,
		"an array":                            "session[]=" + revoked,
		"an array of names":                   "session[a][b]=" + revoked,
		"an array behind a blank":             "session\u00a0[]=" + revoked,
		"other letters":                       "SESSION=" + revoked,
		"a percent-encoded name":              "%73ession=" + revoked,
		"a name encoded as JavaScript does":   "%u0073ession=" + revoked,
		"a token behind a blank of a value":   "x=1 session=" + revoked,
		"a token behind a comma of a value":   "x=1,session=" + revoked,
		"a token behind a bracket of a value": "x=[session=" + revoked,
		"a token behind a quoted value":       `x=""session=` + revoked,
		"a token behind a blank of a name":    "secure session = " + revoked,
		"a quoted token behind a blank":       `x=1 session="` + revoked + `"`,
	}
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		send := func(fields ...string) harness.Answer {
			t.Helper()
			return g.Over(t, protocol, harness.Request{Method: "GET", Target: "/", Fields: fields})
		}
		for name, pair := range hidden {
			t.Run(name, func(t *testing.T) {
				answers.Several.Check(t, send(cookie+"; "+pair))
				answers.Several.Check(t, send("Cookie: "+pair+"; theme=dark; session="+good))
				answers.Several.Check(t, send(cookie, "Cookie: "+pair))
				answers.Several.Check(t, send(bearer, "Cookie: "+pair))
				answers.NoToken.Check(t, send("Cookie: "+pair))
			})
		}
		for _, scheme := range []string{
			"Basic x, Bearer ", "Basic x,bearer ", `Digest a="b", Bearer `, ", Bearer ", "Basic x\t,\tBEARER\t", "Basic Bearer ", "Basic\tBearer\t", "XBearer ",
		} {
			t.Run("Authorization: "+scheme, func(t *testing.T) {
				answers.Several.Check(t, send(cookie, "Authorization: "+scheme+revoked))
				answers.NoToken.Check(t, send("Authorization: "+scheme+revoked))
			})
		}
		answers.BadToken.Check(t, send(bearer+", Bearer "+revoked))
		harness.CheckUnreached(t, g)
	})
}

// A value that is no token passes unchanged, whatever it resembles.
func TestOrdinaryCookiesPassBesideTheToken(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true, Gate: harness.BothSources})
	token := g.Token(harness.Session("good"))
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		for name, others := range map[string]string{
			"a value that holds the name":           "note=a session=b; last=a,session=b; x= session=c",
			"a quoted value that holds the name":    `note="my session=1, session=2"`,
			"JSON":                                  `prefs={"theme":"dark","session":1,"seen":["a","b=c"],"s":"session=x"}`,
			"JSON, percent-encoded":                 "prefs=%7B%22session%22%3A%22a%3Db%22%7D",
			"base64":                                "state=c2Vzc2lvbj0xMjM0/session==; key=Zm9vYmFy+w==",
			"Google Analytics":                      "_ga=GA1.2.1234567890.1700000000; _ga_ABC=GS1.1.1700000000.1.1.1700000001.0.0.0; _gid=GA1.2.5.6",
			"campaigns":                             "__utmz=1.1700000000.1.1.utmcsr=google|utmccn=(organic)|utmcmd=organic|session=" + token,
			"an address with a token in it":         "next=https://app.example.com/login?session=" + token,
			"names that are longer":                 "mysession=" + token + "; session2=x; session_id=y; x[session]=z; session-x=1",
			"the version and attributes of RFC2965": "$Version=1; $Path=/",
			"no names and no values":                "=; ;=x; alone; %; %7=1; é=ü; a b=c d",
		} {
			t.Run(name, func(t *testing.T) {
				sent := others + "; session=" + token
				harness.CheckAdmitted(t, g.Over(t, protocol, harness.Request{Method: "GET", Target: "/", Fields: []string{"Cookie: " + sent}}))
				if got := g.Upstream.TakeOne(t).Header.Get("Cookie"); got != sent {
					t.Errorf("the upstream got Cookie: %q, want %q", got, sent)
				}
			})
		}
		for _, authorization := range []string{"Basic YTpi", `Digest username="bearer, x"`, "Negotiate YII=", "Bearer", "BearerX abc"} {
			t.Run("Authorization: "+authorization, func(t *testing.T) {
				answers.NoToken.Check(t, g.Over(t, protocol, harness.Request{Method: "GET", Target: "/", Fields: []string{"Authorization: " + authorization}}))
				harness.CheckAdmitted(t, g.Over(t, protocol, harness.Request{Method: "GET", Target: "/", Fields: []string{"Authorization: " + authorization, "Cookie: session=" + token}}))
				if got := g.Upstream.TakeOne(t).Header.Get("Authorization"); got != authorization {
					t.Errorf("the upstream got Authorization: %q, want %q", got, authorization)
				}
			})
		}
	})
}
