package browser

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// The example of the API page runs in a page of another origin. The browser first sends a
// preflight, and lets the page read the answer.
func TestExampleRunsInBrowserOnPageOfAllowedOrigin(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		page := newSite(t)
		g := harness.Start(t, harness.Config{Store: store, Gate: "cors " + page.URL, Site: "log"})
		token := g.Token(harness.Session(harness.ExampleSession))
		harness.See(t, g, token)
		page.script(harness.Example(t, "invalidate_session.js", g, g.Token(harness.Session("another"))))
		got := page.browse(t, page.URL)
		if want := "Session invalidated successfully."; got.Error != "" || len(got.Printed) != 1 || got.Printed[0] != want {
			t.Errorf("page reports %+v, want %q printed", got, want)
		}
		answers.BadToken.Check(t, harness.Get(t, g, token))
		harness.CheckUnreached(t, g)
		if !strings.Contains(g.Logs(), `"method":"OPTIONS"`) {
			t.Error("browser sent no preflight, so that nothing was tried")
		}
	})
}

// Attack: a page with a stolen token uses it from an origin that is not allowed.
func TestExampleFailsInBrowserOnPageOfAnotherOrigin(t *testing.T) {
	t.Parallel()
	page := newSite(t)
	g := harness.Start(t, harness.Config{Gate: "cors https://app.example.com"})
	token := g.Token(harness.Session(harness.ExampleSession))
	page.script(harness.Example(t, "invalidate_session.js", g, token))
	if got := page.browse(t, page.URL); !strings.Contains(got.Error, "Failed to fetch") || len(got.Printed) != 0 {
		t.Errorf("page reports %+v, want that its fetch failed", got)
	}
	harness.CheckAdmitted(t, harness.Get(t, g, token))
}

// logout returns the script of a page whose token is in a cookie.
func logout(g *harness.Gate) string {
	return fmt.Sprintf(`
const response = await fetch(%q, {method: "DELETE", credentials: "include"});
console.log(response.status, await response.text());`, g.URL(harness.Endpoint))
}

// visit sets the cookie of the gate's host and opens the page under a name.
func (s *site) visit(t *testing.T, host, token string, flags ...string) result {
	t.Helper()
	s.cookie = "session=" + token + "; Path=/; HttpOnly; Secure; SameSite=None"
	return s.browse(t, s.at("127.0.0.1", "/cookie?next="+s.at(host, "/")), flags...)
}

const cookieGate = "token cookie session\n"

func TestCookieLogsOutInBrowserOnPageOfAllowedOrigin(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		page := newSite(t)
		g := harness.Start(t, harness.Config{Store: store, Gate: cookieGate + "cors " + page.at("localhost", "")})
		token := g.Token(harness.Session("laptop"))
		page.script(logout(g) + `
console.log(response.headers.get("Session-Gate-Ended"));`)
		got := page.visit(t, "localhost", token)
		if want := []string{"200 " + answers.Invalidated.Body, "session"}; got.Error != "" || !slices.Equal(got.Printed, want) {
			t.Errorf("page reports %+v, want %q printed", got, want)
		}
		answers.BadToken.Check(t, g.Send(t, "GET", "/", harness.Cookie("session="+token)))
	})
}

// Attack: a page of another site logs the visitor out (cross-site request forgery). The
// browser stops it after the preflight. The gate refuses a browser that sends no preflight.
func TestCookieLogsNobodyOutInBrowserOnPageOfAnotherSite(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		page := newSite(t)
		g := harness.Start(t, harness.Config{Store: store, Gate: cookieGate + "cors https://app.example.com"})
		token := g.Token(harness.Session("laptop"))
		page.script(logout(g))
		t.Run("the browser stops it", func(t *testing.T) {
			if got := page.visit(t, "localhost", token); !strings.Contains(got.Error, "Failed to fetch") {
				t.Errorf("page reports %+v, want that its fetch failed", got)
			}
		})
		t.Run("the gate refuses it", func(t *testing.T) {
			got := page.visit(t, "localhost", token, "--disable-web-security")
			if want := "403 " + answers.ForeignSite.Body; len(got.Printed) != 1 || got.Printed[0] != want {
				t.Errorf("page reports %+v, want %q printed", got, want)
			}
		})
		harness.CheckAdmitted(t, g.Send(t, "GET", "/", harness.Cookie("session="+token)))
	})
}
