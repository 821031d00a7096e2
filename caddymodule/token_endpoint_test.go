package caddymodule

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/identity"
)

// A client that logs in has no access token yet. Its request goes upstream unchanged, byte
// by byte, but without identity headers.
func TestTheTokenEndpointIsPublic(t *testing.T) {
	g := newGrantTest(t, Gate{Identity: &identity.Config{Preset: "authelia"}})
	g.Hands(map[string]any{"access_token": "opaque"})
	const padded = "grant_type=password&username=a%20b&password=%FF&&x=%41&refresh_token=&client_secret=s%26"
	for name, tt := range map[string]struct{ method, path, contentType, body string }{
		"a login":                  {"POST", tokenPath, formMedia, padded},
		"a charset":                {"POST", tokenPath, formMedia + "; charset=UTF-8", "grant_type=authorization_code&code=c"},
		"JSON":                     {"POST", tokenPath, "application/json", ` {"grant_type":"password", "password":"é\u0000"} `},
		"a query":                  {"POST", tokenPath + "?x=1&y=%2f", formMedia, "grant_type=client_credentials"},
		"a query alone":            {"GET", tokenPath + "?x=1", "", ""},
		"a question":               {"GET", tokenPath, "", ""},
		"nothing":                  {"POST", tokenPath, "", ""},
		"the largest body":         {"POST", tokenPath, formMedia, "x=" + strings.Repeat("x", 64<<10-2)},
		"a method of its own":      {"PUT", tokenPath, "application/json", `{"a":1}`},
		"an unknown refresh token": {"POST", tokenPath, formMedia, "grant_type=refresh_token&refresh_token=unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			g.Send(t, tt.method, tt.path, tt.contentType, tt.body, "Remote-User", "root", "Authorization", "Basic YTpi",
				"Accept-Encoding", "br, gzip", "Range", "bytes=0-9", "Connection", "Upgrade, Content-Type", "Upgrade", "websocket").Want(t, http.StatusOK, "")
			taken := g.Take()
			if len(taken) != 1 {
				t.Fatalf("%d requests reached the token endpoint, want one", len(taken))
			}
			got := taken[0]
			if got.Method != tt.method || got.RequestURI != tt.path || got.Text != tt.body || got.ContentLength != int64(len(tt.body)) {
				t.Errorf("the token endpoint got %s %s with %d bytes %q", got.Method, got.RequestURI, got.ContentLength, got.Text)
			}
			if got.Header.Get("Remote-User") != "" || got.Header.Get("Authorization") != "Basic YTpi" {
				t.Errorf("the token endpoint got the fields %v", got.Header)
			}
			grant := tt.method == "POST" || tt.body != "" || strings.Contains(tt.path, "?")
			if coding := got.Header.Get("Accept-Encoding"); grant && (coding != "identity" || got.Header.Get("Range")+got.Header.Get("Upgrade")+got.Header.Get("Connection") != "") {
				t.Errorf("the token endpoint is asked for %v", got.Header)
			}
		})
	}
}

// The token endpoint uses the retention and the leeway of the app.
func TestTheTokenEndpointHasTheTimesOfTheApp(t *testing.T) {
	g := newGrantTest(t, Gate{})
	now := time.Now().Unix()
	lasts := func(from, to int64) string {
		return g.mint(t, map[string]any{"typ": "Refresh", "iat": now + from, "exp": now + to})
	}
	retention := int64(time.Duration(g.app.Retention) / time.Second)
	g.WantRefreshed(t, lasts(0, retention), map[string]any{"access_token": "opaque"})
	g.WantRefused(t, lasts(0, retention+1))
	leeway := int64(time.Duration(*g.app.Leeway) / time.Second)
	g.WantRefreshed(t, lasts(-60, 5-leeway), map[string]any{"access_token": "opaque"})
	g.WantRefused(t, lasts(-60, -leeway))
}

// Attack: POST //oauth/token with a valid access token. It is guarded like an ordinary
// request, and reaches unread an endpoint that cleans its paths. Or POST
// /oauth/token.json, to an endpoint that ignores the format. Or the refresh token with
// another method, or in a query.
func TestOtherSpellingsOfTheTokenEndpointDoNotGoUp(t *testing.T) {
	g := newGrantTest(t, Gate{Public: []string{"/oauth/*"}})
	g.trusted = true
	good := g.mint(t, nil)
	for _, path := range []string{
		"//oauth/token", "/oauth/token/", "/oauth/./token", "/oauth/%74oken", "/OAuth/token", "/oauth/token;x", "/a/../oauth/token",
		"/oauth/token.json", "/oauth/token.", "/oauth/TOKEN.XML", "/oauth//token.json", "/oauth/token%2Ejson", "/oauth/token.json/", "/oauth/token.json;x",
		"/oauth/x/../token.a.b", "/index.php/oauth/token", "/oauth/token.php/x", "/oauth/@@token", "/(S(x))/oauth/token", `/oauth\token.json`,
	} {
		for _, r := range []struct{ method, query, body string }{
			{"POST", "", "refresh_token=r"}, {"POST", "", ""}, {"PUT", "", "refresh_token=r"}, {"GET", "?refresh_token=r", ""}, {"GET", "", "refresh_token=r"},
		} {
			g.Send(t, r.method, path+r.query, formMedia, r.body, "Authorization", "Bearer "+good).Want(t, http.StatusBadRequest, "another spelling")
			if taken := g.Take(); len(taken) != 0 {
				t.Errorf("%s %s reached the upstream", r.method, taken[0].RequestURI)
			}
		}
		// These requests can be granted nothing: pages beside the endpoint.
		for _, method := range []string{"GET", "HEAD", "DELETE"} {
			g.Send(t, method, path, "", "", "Authorization", "Bearer "+good).Want(t, http.StatusOK, "")
		}
		g.Send(t, "OPTIONS", path, "", "", "Origin", "https://a.example", "Access-Control-Request-Method", "POST").Want(t, http.StatusOK, "")
		g.Take()
	}
	// Over HTTP/3 a request need not announce its body.
	for _, method := range []string{"PUT", "PATCH", "DELETE", "GET", "HEAD"} {
		r := httptest.NewRequest(method, "/oauth/token.json", struct{ io.Reader }{strings.NewReader("refresh_token=r")})
		r.Proto, r.ProtoMajor, r.ContentLength = "HTTP/3.0", 3, -1
		r.Header.Set("Authorization", "Bearer "+good)
		a := g.serve(t, r)
		if a.upstream == nil {
			a.want(t, http.StatusBadRequest, "another spelling")
			continue
		}
		if body, err := io.ReadAll(a.upstream.Body); err != nil || len(body) > 0 || a.upstream.ContentLength != 0 || method != "GET" && method != "HEAD" {
			t.Errorf("%s reached the upstream with %q, error %v", method, body, err)
		}
	}
	for _, path := range []string{"/oauth/token/x", "/oauth/tokens", "/oauth/token-x", "/oauth/xtoken.json", "/oauth.x/token", "/oauth/token.json/x", "/docs/v1.2/oauth/token", "/src%2Foauth%2Ftoken.go/raw", "/token.json"} {
		g.Send(t, http.MethodPost, path+"?x=1", formMedia, "x=1", "Authorization", "Bearer "+good).Want(t, http.StatusOK, "")
	}
	g.Take()
	for _, address := range []string{tokenPath + "?refresh_token=r", "http://a.example/oauth/token.json?refresh_token=r", "/x, //oauth/token?refresh_token=r"} {
		g.Send(t, http.MethodGet, "/elsewhere", "", "", "Authorization", "Bearer "+good, "X-Original-URL", address).
			Want(t, http.StatusBadRequest, "another spelling")
	}
	g.Send(t, http.MethodPost, "/elsewhere", formMedia, "x=1", "Authorization", "Bearer "+good, "X-Original-URL", tokenPath).
		Want(t, http.StatusBadRequest, "")
	if n := len(g.Take()); n != 0 {
		t.Errorf("%d requests reached the upstream", n)
	}
}
