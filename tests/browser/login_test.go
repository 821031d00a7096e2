package browser

import (
	"fmt"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// A person who opens a page without a token comes to the login, which learns where to lead
// back. Attack: a script or a frame of that page is redirected, too. The script would read the
// login page as its data, and the login page would be shown inside another site.
func TestABrowserIsSentToTheLogin(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		login := newSite(t)
		g := harness.Start(t, harness.Config{Store: store, Site: "log", Gate: cookieGate + "login_url " + login.URL + "/?next={uri}"})
		login.script(fmt.Sprintf(`
console.log(location.search);
await fetch(%q, {mode: "no-cors", credentials: "include"});
await new Promise(loaded => {
	const frame = document.createElement("iframe");
	frame.onload = loaded;
	frame.src = %q;
	document.body.append(frame);
});`, g.URL("/script"), g.URL("/frame")))
		got := login.browse(t, g.URL("/orders?id=7&next=/x"))
		if want := "?next=%2Forders%3Fid%3D7%26next%3D%2Fx"; got.Error != "" || len(got.Printed) != 1 || got.Printed[0] != want {
			t.Errorf("the login page reports %+v, want the address %s", got, want)
		}
		for uri, status := range map[string]int{"/orders?id=7&next=/x": 302, "/script": 401, "/frame": 401} {
			if line := harness.AccessOf(t, g, uri); line.Status != status {
				t.Errorf("%s: answered %d, want %d", uri, line.Status, status)
			}
		}
		harness.CheckUnreached(t, g)
	})
}

// The session of the token is over, and the issuer's goes on. A login would give another token
// of the same session, and so the browser is sent to the logout.
func TestABrowserWithARevokedTokenIsSentToTheLogout(t *testing.T) {
	t.Parallel()
	logout := newSite(t)
	g := harness.Start(t, harness.Config{Gate: cookieGate + "login_url https://id.example.com/login\nrevoked_url " + logout.URL + "/?revoked"})
	token := g.Token(harness.Session("laptop"))
	answers.Invalidated.Check(t, g.Send(t, "DELETE", harness.Endpoint, harness.Cookie("session="+token)))
	logout.script("console.log(location.search);")
	logout.cookie = "session=" + token + "; Path=/; HttpOnly"
	// A cookie has no port, so the gate gets the cookie of this site.
	got := logout.browse(t, logout.at("127.0.0.1", "/cookie?next="+g.URL("/orders")))
	if got.Error != "" || len(got.Printed) != 1 || got.Printed[0] != "?revoked" {
		t.Errorf("the page reports %+v, want that of the logout", got)
	}
	harness.CheckUnreached(t, g)
}
