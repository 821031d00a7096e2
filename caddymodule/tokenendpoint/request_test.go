package tokenendpoint

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

func TestAPreflightPassesToTheTokenEndpoint(t *testing.T) {
	g := newGrantTest(t, Options{})
	g.Answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	g.Send(t, http.MethodOptions, tokenPath, "", "", "Origin", "https://app.example.com", "Access-Control-Request-Method", "POST").
		Want(t, http.StatusNoContent, "")
	g.WantTaken(t, 1)
}

// Attack: a revoked refresh token in a part, a coding or a media type that the gate does
// not read and the endpoint does.
func TestARefreshTokenDoesNotGoAroundTheCheck(t *testing.T) {
	g := newGrantTest(t, Options{})
	g.Login(t, hand(g.access(t, "t1", map[string]any{"sid": "s"}), "r/1"))
	g.Revoke(t, store.KindSession, "s", 0)
	g.Hands(map[string]any{"access_token": "opaque"})
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
		"too large":                  {"POST", "", formMedia, "x=" + strings.Repeat("x", maxRequest) + "&" + token, 413, nil},
		"too large and unreadable":   {"POST", "", "text/plain", "x=" + strings.Repeat("x", maxRequest) + "&" + token, 413, nil},
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
			a := g.Send(t, tt.method, tokenPath+tt.query, tt.contentType, tt.body, tt.fields...)
			a.Want(t, tt.status, `"error_description"`)
			if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Pragma") != "no-cache" {
				t.Errorf("may be kept: %v", a.Header)
			}
			if taken := g.Take(); len(taken) != 0 {
				t.Errorf("%s %q reached the token endpoint", taken[0].RequestURI, taken[0].Text)
			}
		})
	}
	// A proxy in front that names the true path changes nothing.
	for _, field := range []string{tokenPath, "https://a.example" + tokenPath} {
		g.Send(t, http.MethodPost, tokenPath, formMedia, "a=b", "X-Forwarded-Uri", field).Want(t, http.StatusOK, "")
	}
}

// A body of unknown length is read, up to the bound, and passed on with its length.
func TestAChunkedBodyIsRead(t *testing.T) {
	g := newGrantTest(t, Options{})
	g.Hands(map[string]any{"access_token": "opaque"})
	for body, status := range map[string]int{"grant_type=password": 200, "x=" + strings.Repeat("x", maxRequest): 413} {
		r, err := http.NewRequest(http.MethodPost, g.URL()+tokenPath, struct{ *strings.Reader }{strings.NewReader(body)})
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
		taken := g.Take()
		if response.StatusCode != status || len(taken) == 1 != (status == 200) {
			t.Errorf("%d bytes: answered %d, and %d reached the token endpoint", len(body), response.StatusCode, len(taken))
		}
		if len(taken) == 1 && (taken[0].Text != body || taken[0].ContentLength != int64(len(body)) || len(taken[0].TransferEncoding) > 0) {
			t.Errorf("the token endpoint got %d bytes %q by %q", taken[0].ContentLength, taken[0].Text, taken[0].TransferEncoding)
		}
	}
}
