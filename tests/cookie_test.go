package tests

import (
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// Attack: a page of another site sends the DELETE, and the browser adds the
// cookie (cross-site request forgery).
func TestCookieOfAnotherSitesRequestEndsNothing(t *testing.T) {
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
				token := g.Token(session(name))
				changes := fields(sender.origin, sender.site)
				foreignSite.check(t, g.Send(t, "DELETE", endpoint, append(changes, harness.Cookie("session="+token))...))
				// It is the state-changing call alone that is guarded so.
				checkAdmitted(t, g.Send(t, "GET", "/", append(changes, harness.Cookie("session="+token))...))
				// A token in a header was put there on purpose.
				invalidated.check(t, g.Send(t, "DELETE", endpoint, append(changes, harness.Bearer(token))...))
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
				token := g.Token(session(name))
				changes := append(fields(sender.origin, sender.site), harness.Cookie("theme=dark; session="+token))
				invalidated.check(t, g.Send(t, "DELETE", endpoint, changes...))
				badToken.check(t, get(t, g, token))
			})
		}
	})
}
