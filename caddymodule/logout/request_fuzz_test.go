package logout

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Attack: the gate finds one logout token in a body. net/http, or a reader that counts the
// parameters one by one, finds another token, or several.
func FuzzLogoutRequest(f *testing.F) {
	for _, form := range []string{
		"logout_token=a.b.c", "logout_token=", "logout_token", "x=y&logout_token=a", "logout_token=a&logout_token=b", "logout_token=a;b", "%6cogout_token=a",
		"logout_token=%zz", "logout_token=a+b", "&&logout_token=a&", "logout%5Ftoken=a&LOGOUT_TOKEN=b", "=&=", "\x00=\xff&logout_token=\x00",
	} {
		f.Add(form, "application/x-www-form-urlencoded")
		f.Add(form, "Application/X-WWW-Form-Urlencoded; charset=utf-8")
		f.Add(form, "application/x-www-form-urlencoded; charset=ISO-8859-1")
	}
	f.Fuzz(func(t *testing.T, form, contentType string) {
		request := func() *http.Request {
			r := httptest.NewRequest(http.MethodPost, "/logout", strings.NewReader(form))
			r.Header.Set("Content-Type", contentType)
			return r
		}
		raw, deny := readToken(httptest.NewRecorder(), request())
		if deny != nil {
			return
		}
		r := request()
		if err := r.ParseForm(); err != nil || len(r.PostForm["logout_token"]) != 1 || r.PostForm.Get("logout_token") != raw || raw == "" {
			t.Errorf("%q as %q is %q, and to net/http %q, %v", form, contentType, raw, r.PostForm["logout_token"], err)
		}
		if len(form) > maxBody {
			t.Errorf("a body of %d bytes was taken", len(form))
		}
	})
}
