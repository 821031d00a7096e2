package tokenendpoint

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/oauth"
	"github.com/sessiongate/sessiongate/caddymodule/tokenendpoint/granttest"
)

// Attack: an anonymous request of 60 KB that costs 200 times as much as an admitted
// request. Its tokens must be hashed and looked up, or it has tens of thousands of
// parameters.
func TestRequestsBeyondTheBoundsDoNotGoUp(t *testing.T) {
	g := newGrantTest(t, Options{})
	h := g.Store
	h.On("Known", func() error { t.Error("the store was asked"); return nil })
	long := strings.Repeat("a", oauth.MaxTokenSize+1)
	parameters := strings.Repeat("a=&", oauth.MaxParameters)
	for name, tt := range map[string]struct{ query, contentType, body string }{
		"three long tokens":           {"", formMedia, granttest.ThreeTokens(20_000)},
		"a long token":                {"", formMedia, "refresh_token=" + long},
		"one in a query":              {"?refresh_token=" + long, "", ""},
		"one in JSON":                 {"", "application/json", `{"refresh_token":"` + long + `"}`},
		"many parameters":             {"", formMedia, parameters + "a="},
		"many, in the query and JSON": {"?" + parameters, "application/json", `{"a":1}`},
		"a token with a blank":        {"", formMedia, "refresh_token=a+b"},
	} {
		a := g.Send(t, http.MethodPost, tokenPath+tt.query, tt.contentType, tt.body)
		a.Want(t, http.StatusBadRequest, "invalid_request")
		if n := len(g.Take()); n != 0 {
			t.Errorf("%s: %d requests reached the token endpoint", name, n)
		}
	}
	h.On("Known", nil)
	g.WantRefreshed(t, long[1:], map[string]any{"access_token": "opaque"})
	// A server need not bound the head of a request as net/http's does.
	r := httptest.NewRequest(http.MethodPost, tokenPath+"?x="+strings.Repeat("x", 64<<10), nil)
	g.Serve(t, r).Want(t, http.StatusBadRequest, "invalid_request")
}

// BenchmarkHostileGrant measures an anonymous request of 60 KB with three opaque tokens,
// and an ordinary refresh.
func BenchmarkHostileGrant(b *testing.B) {
	for name, form := range map[string]string{
		"ordinary":                "grant_type=refresh_token&refresh_token=8xLOxBtZp8",
		"three tokens of 20 KB":   granttest.ThreeTokens(20_000),
		"three tokens of 8 KB":    granttest.ThreeTokens(8_000),
		"many parameters":         strings.Repeat("a=&", 20_000),
		"three short tokens":      granttest.ThreeTokens(8),
		"a name of 60 KB":         strings.Repeat("A", 60_000),
		"a name of 60 KB escaped": strings.Repeat("%41", 20_000),
	} {
		b.Run(name, func(b *testing.B) {
			g := newGrantTest(b, Options{})
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, tokenPath, strings.NewReader(form))
				r.Header.Set("Content-Type", formMedia)
				g.Serve(b, r)
			}
		})
	}
}

// The answer names the rule that the request breaks, and none of its contents.
func TestARefusedTokenRequestNamesTheRule(t *testing.T) {
	g := newGrantTest(t, Options{})
	for form, rule := range map[string]string{
		strings.Repeat("a=&", oauth.MaxParameters) + "refresh_token=s3cret":   "too many parameters",
		"refresh_token=s3cret" + strings.Repeat("a", oauth.MaxTokenSize):      "a token of more than 8 KiB",
		"refresh_token=" + g.Mint(t, map[string]any{"jti": "s3cret"}) + "%3D": "a signed or encrypted token in another spelling",
		"refresh_token=s3cret%20x":                 "a token with a blank",
		"refresh_token=s3cret&refresh_token=other": "a parameter given twice",
		"refresh_token=s3cret&x=%":                 "a percent sign that encodes nothing",
		"refresh_token=s3cret;x":                   "a semicolon in a form",
	} {
		a := g.Send(t, http.MethodPost, tokenPath, formMedia, form)
		a.Want(t, http.StatusBadRequest, `"error_description":"The request is refused: `+rule)
		if strings.Contains(a.Text, "s3cret") || strings.Contains(a.Text, "eyJ") {
			t.Errorf("the answer holds the token: %s", a.Text)
		}
	}
}

// A token that no gate would accept is withheld, and the log names the option that accepts it.
func TestAnAccessTokenBeyondTheBoundIsWithheld(t *testing.T) {
	g := newGrantTest(t, Options{})
	longest := strings.Repeat("a", g.Verifier.TokenSize())
	g.Grant(t, map[string]any{"access_token": longest, "id_token": longest + "a"}).Want(t, http.StatusOK, longest)
	g.Grant(t, map[string]any{"access_token": longest + "a"}).Want(t, http.StatusBadGateway, "")
	if want := "an access token of 8193 bytes, more than max_token_size 8192"; !strings.Contains(g.Log.String(), want) {
		t.Errorf("logged %q, want %q", g.Log, want)
	}
}
