package caddymodule

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/identity"
	"github.com/sessiongate/sessiongate/store"
)

// Whoever logs in has no access token yet. What goes up is what came, byte by byte,
// but for the identity that a client gave itself.
func TestTheTokenEndpointIsPublic(t *testing.T) {
	g := newGrantTest(t, Gate{Identity: &identity.Config{Preset: "authelia"}})
	g.hands(map[string]any{"access_token": "opaque"})
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
			g.send(t, tt.method, tt.path, tt.contentType, tt.body, "Remote-User", "root", "Authorization", "Basic YTpi",
				"Accept-Encoding", "br, gzip", "Range", "bytes=0-9", "Connection", "Upgrade, Content-Type", "Upgrade", "websocket").want(t, http.StatusOK, "")
			taken := g.take()
			if len(taken) != 1 {
				t.Fatalf("%d requests reached the token endpoint, want one", len(taken))
			}
			got := taken[0]
			if got.Method != tt.method || got.RequestURI != tt.path || got.body != tt.body || got.ContentLength != int64(len(tt.body)) {
				t.Errorf("the token endpoint got %s %s with %d bytes %q", got.Method, got.RequestURI, got.ContentLength, got.body)
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

func TestAPreflightPassesToTheTokenEndpoint(t *testing.T) {
	g := newGrantTest(t, Gate{})
	g.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	g.send(t, http.MethodOptions, tokenPath, "", "", "Origin", "https://app.example.com", "Access-Control-Request-Method", "POST").
		want(t, http.StatusNoContent, "")
	if n := len(g.take()); n != 1 {
		t.Errorf("%d requests reached the token endpoint, want one", n)
	}
}

// The attack: a revoked refresh token in a part, a coding or a media type that the
// gate does not read and the endpoint does.
func TestARefreshTokenDoesNotGoAroundTheCheck(t *testing.T) {
	g := newGrantTest(t, Gate{})
	g.trusted = true // fields that name another address stay
	g.login(t, hand(g.access(t, "t1", map[string]any{"sid": "s"}), "r/1"))
	g.revoke(t, store.KindSession, "s", 0)
	g.hands(map[string]any{"access_token": "opaque"})
	const token = "grant_type=refresh_token&refresh_token=r%2F1"
	const inJSON = `{"grant_type":"refresh_token","refresh_token":"r/1"}`
	const multipart = "--b\r\nContent-Disposition: form-data; name=\"refresh_token\"\r\n\r\nr/1\r\n--b--\r\n"
	for name, tt := range map[string]struct {
		method, query, contentType, body string
		status                           int
		fields                           []string
	}{
		"a form":                     {"POST", "", formMedia, token, 400, nil},
		"JSON":                       {"POST", "", "application/json", `{"grant_type":"refresh_token","refresh_token":"r\/1"}`, 400, nil},
		"the query":                  {"POST", "?" + token, "", "", 400, nil},
		"the query of a GET":         {"GET", "?" + token, "", "", 400, nil},
		"the body of a PUT":          {"PUT", "", formMedia, token, 400, nil},
		"the query, beside a body":   {"POST", "?refresh_token=r/1", formMedia, "grant_type=refresh_token", 400, nil},
		"another grant":              {"POST", "", formMedia, "grant_type=renew&refresh_token=r/1", 400, nil},
		"no grant":                   {"POST", "", formMedia, "refresh_token=r/1", 400, nil},
		"another case":               {"POST", "", formMedia, "Refresh_Token=r/1", 400, nil},
		"a list":                     {"POST", "", formMedia, "refresh_token[]=r/1", 400, nil},
		"twice":                      {"POST", "", formMedia, token + "&refresh_token=other", 400, nil},
		"a refresh without a token":  {"POST", "", formMedia, "grant_type=refresh_token", 400, nil},
		"a semicolon":                {"POST", "", formMedia, "a=b;refresh_token=r/1", 400, nil},
		"multipart":                  {"POST", "", "multipart/form-data; boundary=b", multipart, 415, nil},
		"no media type":              {"POST", "", "", token, 415, nil},
		"plain text":                 {"POST", "", "text/plain", token, 415, nil},
		"another charset":            {"POST", "", formMedia + "; charset=utf-16", token, 415, nil},
		"a charset of mainframes":    {"POST", "", formMedia + "; charset=ibm037", token, 415, nil},
		"a charset in parts":         {"POST", "", formMedia + "; charset*0=utf; charset*1=-16", token, 415, nil},
		"compressed":                 {"POST", "", formMedia, token, 415, []string{"Content-Encoding", "gzip"}},
		"compressed JSON":            {"POST", "", "application/json", "{}", 415, []string{"Content-Encoding", "br"}},
		"too large":                  {"POST", "", formMedia, "x=" + strings.Repeat("x", 64<<10) + "&" + token, 413, nil},
		"too large and unreadable":   {"POST", "", "text/plain", "x=" + strings.Repeat("x", 64<<10) + "&" + token, 413, nil},
		"JSON called a form":         {"POST", "", formMedia, " \ufeff" + inJSON, 400, nil},
		"JSON called one, encoded":   {"POST", "", formMedia, url.QueryEscape(inJSON), 400, nil},
		"JSON behind a remark":       {"POST", "", formMedia, "/*=*/" + inJSON, 400, nil},
		"a form in JSON":             {"POST", "", "application/json", `{"a":"&` + token + `&b="}`, 400, nil},
		"a form in JSON, spelt out":  {"POST", "", "application/json", `{"a":"%;Refresh%5Ftoken=r/1&b="}`, 400, nil},
		"another address":            {"POST", "", formMedia, "a=b", 400, []string{"X-Original-URL", "/admin"}},
		"another query":              {"POST", "", formMedia, "a=b", 400, []string{"X-Forwarded-Uri", tokenPath + "?" + token}},
		"another address, spelt out": {"GET", "", "", "", 400, []string{"X_Rewrite_URL", "http://a.example//oauth/token"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := g.send(t, tt.method, tokenPath+tt.query, tt.contentType, tt.body, tt.fields...)
			a.want(t, tt.status, `"error_description"`)
			if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Pragma") != "no-cache" {
				t.Errorf("may be kept: %v", a.Header)
			}
			if taken := g.take(); len(taken) != 0 {
				t.Errorf("%s %q reached the token endpoint", taken[0].RequestURI, taken[0].body)
			}
		})
	}
	// A proxy in front that tells the truth changes nothing.
	for _, field := range []string{tokenPath, "https://a.example" + tokenPath} {
		g.send(t, http.MethodPost, tokenPath, formMedia, "a=b", "X-Forwarded-Uri", field).want(t, http.StatusOK, "")
	}
}

// A body whose length is not known beforehand is read, bounded, and handed on with
// its length.
func TestAChunkedBodyIsRead(t *testing.T) {
	g := newGrantTest(t, Gate{})
	g.hands(map[string]any{"access_token": "opaque"})
	for body, status := range map[string]int{"grant_type=password": 200, "x=" + strings.Repeat("x", 64<<10): 413} {
		r, err := http.NewRequest(http.MethodPost, g.url+tokenPath, struct{ *strings.Reader }{strings.NewReader(body)})
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", formMedia)
		r.ContentLength = -1
		response, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		taken := g.take()
		if response.StatusCode != status || len(taken) == 1 != (status == 200) {
			t.Errorf("%d bytes: answered %d, and %d reached the token endpoint", len(body), response.StatusCode, len(taken))
		}
		if len(taken) == 1 && (taken[0].body != body || taken[0].ContentLength != int64(len(body)) || len(taken[0].TransferEncoding) > 0) {
			t.Errorf("the token endpoint got %d bytes %q by %q", taken[0].ContentLength, taken[0].body, taken[0].TransferEncoding)
		}
	}
}

// The attack: POST //oauth/token with a good access token, which is guarded and goes
// up unread, to an endpoint that cleans its paths; or POST /oauth/token.json, to one
// that takes the format off; or the refresh token with another method, or in a query.
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
			g.send(t, r.method, path+r.query, formMedia, r.body, "Authorization", "Bearer "+good).want(t, http.StatusBadRequest, "another spelling")
			if taken := g.take(); len(taken) != 0 {
				t.Errorf("%s %s reached the upstream", r.method, taken[0].RequestURI)
			}
		}
		// Nothing that could be granted: a page beside the endpoint.
		for _, method := range []string{"GET", "HEAD", "DELETE"} {
			g.send(t, method, path, "", "", "Authorization", "Bearer "+good).want(t, http.StatusOK, "")
		}
		g.send(t, "OPTIONS", path, "", "", "Origin", "https://a.example", "Access-Control-Request-Method", "POST").want(t, http.StatusOK, "")
		g.take()
	}
	// Over HTTP/3 a body need not be announced.
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
		g.send(t, http.MethodPost, path+"?x=1", formMedia, "x=1", "Authorization", "Bearer "+good).want(t, http.StatusOK, "")
	}
	g.take()
	for _, address := range []string{tokenPath + "?refresh_token=r", "http://a.example/oauth/token.json?refresh_token=r", "/x, //oauth/token?refresh_token=r"} {
		g.send(t, http.MethodGet, "/elsewhere", "", "", "Authorization", "Bearer "+good, "X-Original-URL", address).
			want(t, http.StatusBadRequest, "another spelling")
	}
	g.send(t, http.MethodPost, "/elsewhere", formMedia, "x=1", "Authorization", "Bearer "+good, "X-Original-URL", tokenPath).
		want(t, http.StatusBadRequest, "")
	if n := len(g.take()); n != 0 {
		t.Errorf("%d requests reached the upstream", n)
	}
}
