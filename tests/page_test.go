package tests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// The example of the API page runs in a page of another origin: the browser asks
// first, by a preflight, and lets the page read the answer.
func TestExampleRunsInBrowserOnPageOfAllowedOrigin(t *testing.T) {
	harness.EachStore(t, func(t *testing.T, store string) {
		page := newSite(t)
		g := harness.Start(t, harness.Config{Store: store, Gate: "cors " + page.URL, Site: "log"})
		token := g.Token(session(exampleSession))
		see(t, g, token)
		page.script(example(t, "invalidate_session.js", g, g.Token(session("another"))))
		got := page.browse(t, page.URL)
		if want := "Session invalidated successfully."; got.Error != "" || len(got.Printed) != 1 || got.Printed[0] != want {
			t.Errorf("page reports %+v, want %q printed", got, want)
		}
		badToken.check(t, get(t, g, token))
		checkUnreached(t, g)
		if !strings.Contains(g.Logs(), `"method":"OPTIONS"`) {
			t.Error("browser sent no preflight, so that nothing was tried")
		}
	})
}

// Attack: a page that got hold of a token uses it from an origin that nobody
// allowed.
func TestExampleFailsInBrowserOnPageOfAnotherOrigin(t *testing.T) {
	page := newSite(t)
	g := harness.Start(t, harness.Config{Gate: "cors https://app.example.com"})
	token := g.Token(session(exampleSession))
	page.script(example(t, "invalidate_session.js", g, token))
	if got := page.browse(t, page.URL); !strings.Contains(got.Error, "Failed to fetch") || len(got.Printed) != 0 {
		t.Errorf("page reports %+v, want that its fetch failed", got)
	}
	checkAdmitted(t, get(t, g, token))
}

// logout is what a page does whose token is in a cookie.
func logout(g *harness.Gate) string {
	return fmt.Sprintf(`
const response = await fetch(%q, {method: "DELETE", credentials: "include"});
console.log(response.status, await response.text());`, g.URL(endpoint))
}

// visit sets the cookie of the gate's host and opens the page under a name.
func (s *site) visit(t *testing.T, host, token string, flags ...string) result {
	t.Helper()
	s.cookie = "session=" + token + "; Path=/; HttpOnly; Secure; SameSite=None"
	return s.browse(t, s.at("127.0.0.1", "/cookie?next="+s.at(host, "/")), flags...)
}

const cookieGate = "token cookie session\n"

func TestCookieLogsOutInBrowserOnPageOfAllowedOrigin(t *testing.T) {
	harness.EachStore(t, func(t *testing.T, store string) {
		page := newSite(t)
		g := harness.Start(t, harness.Config{Store: store, Gate: cookieGate + "cors " + page.at("localhost", "")})
		token := g.Token(session("laptop"))
		page.script(logout(g))
		got := page.visit(t, "localhost", token)
		if want := "200 " + invalidated.body; got.Error != "" || len(got.Printed) != 1 || got.Printed[0] != want {
			t.Errorf("page reports %+v, want %q printed", got, want)
		}
		badToken.check(t, g.Send(t, "GET", "/", harness.Cookie("session="+token)))
	})
}

// Attack: a page of another site logs the visitor out (cross-site request
// forgery). The browser stops it after the preflight; one that does not ask first
// is refused by the gate.
func TestCookieLogsNobodyOutInBrowserOnPageOfAnotherSite(t *testing.T) {
	harness.EachStore(t, func(t *testing.T, store string) {
		page := newSite(t)
		g := harness.Start(t, harness.Config{Store: store, Gate: cookieGate + "cors https://app.example.com"})
		token := g.Token(session("laptop"))
		page.script(logout(g))
		t.Run("the browser stops it", func(t *testing.T) {
			if got := page.visit(t, "localhost", token); !strings.Contains(got.Error, "Failed to fetch") {
				t.Errorf("page reports %+v, want that its fetch failed", got)
			}
		})
		t.Run("the gate refuses it", func(t *testing.T) {
			got := page.visit(t, "localhost", token, "--disable-web-security")
			if want := "403 " + foreignSite.body; len(got.Printed) != 1 || got.Printed[0] != want {
				t.Errorf("page reports %+v, want %q printed", got, want)
			}
		})
		checkAdmitted(t, g.Send(t, "GET", "/", harness.Cookie("session="+token)))
	})
}
