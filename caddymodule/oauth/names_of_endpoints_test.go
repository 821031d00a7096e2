package oauth_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/oauth"
)

const (
	jwt       = "eyJhbGciOiJIUzI1NiJ9.e30.AAAA"
	otherJWT  = "eyJhbGciOiJIUzI1NiJ9.e30.BBBB"
	longToken = "opaque-refresh-token"
)

// named returns the names of an endpoint with further members.
func named(t *testing.T, access, refresh []string) *oauth.Names {
	t.Helper()
	n, err := oauth.NewNames(access, refresh)
	if err != nil {
		t.Fatal(err)
	}
	return &n
}

func TestShortNamesInAnAnswer(t *testing.T) {
	for body, want := range map[string]oauth.Answer{
		`{"refresh":"` + longToken + `","access":"` + jwt + `"}`:                         {Access: jwt, Refresh: longToken}, // Simple JWT
		`{"refreshToken":"r","token":"` + jwt + `","user":{"token":"x"}}`:                {Access: jwt, Refresh: "r"},       // FusionAuth
		`{"Access":"` + jwt + `","REFRESH":"` + longToken + `"}`:                         {Access: jwt, Refresh: longToken},
		`{"token":"` + longToken + `"}`:                                                  {Access: longToken},
		`{"access":"read-and-write-everything","token":"` + jwt + `"}`:                   {Access: jwt},
		`{"access":"` + jwt + `","token":"` + otherJWT + `"}`:                            {Access: jwt},
		`{"access_token":null,"token":"` + jwt + `"}`:                                    {Access: jwt},
		`{"access_token":"a","token":"` + jwt + `"}`:                                     {Access: "a"}, // the name of the standards comes first
		`{"access_token":"a","refresh_token":"r","refresh":"` + longToken + `"}`:         {Access: "a", Refresh: "r"},
		`{"access_token":"` + jwt + `","token":"` + jwt + `"}`:                           {Access: jwt}, // a registry of containers
		`{"access":{"a":1},"refresh":3600,"token":["` + jwt + `"],"access_token":"a"}`:   {Access: "a"},
		`{"access":"private","refresh":"3600","token":"short"}`:                          {},
		`{"access":"all of the private rooms","refresh":"au plus tôt, s'il vous plaît"}`: {},
		`{"accesses":"` + jwt + `","tokens":"` + jwt + `","my_token":"` + jwt + `"}`:     {},
	} {
		got, err := new(oauth.Names).ParseAnswer("application/json", []byte(body))
		if err != nil || got != want || got.IsEmpty() != (want == oauth.Answer{}) {
			t.Errorf("%s: %+v, %v; want %+v", body, got, err, want)
		}
	}
	form := "token=" + jwt + "&refresh=" + longToken
	if got, err := new(oauth.Names).ParseAnswer(formType, []byte(form)); err != nil || got != (oauth.Answer{Access: jwt, Refresh: longToken}) {
		t.Errorf("a form: %+v, %v", got, err)
	}
}

// Attack: the answer has a token twice under a short name, or in a spelling of its own. The
// gate checks one and the client uses the other.
func TestAnswersWithShortNamesThatAreWithheld(t *testing.T) {
	for _, body := range []string{
		`{"access":"` + jwt + `","access":"` + otherJWT + `"}`,
		`{"refresh":"` + longToken + `","Refresh":"` + longToken + `2"}`,
		`{"token":"` + jwt + `="}`,
		`{"access":"` + strings.Repeat("a", oauth.MaxAccessTokenSize+1) + `"}`,
		`{"refresh":"` + strings.Repeat("a", oauth.MaxTokenSize+1) + `"}`,
	} {
		if got, err := new(oauth.Names).ParseAnswer("application/json", []byte(body)); !errors.Is(err, oauth.ErrAnswer) {
			t.Errorf("%.80s: %+v, %v; want ErrAnswer", body, got, err)
		}
	}
}

// Attack: a revoked refresh token as `refresh`, under which Simple JWT reads it.
func TestARequestMayPresentItsRefreshTokenAsRefresh(t *testing.T) {
	for _, body := range []string{
		`{"refresh":"` + longToken + `"}`, "refresh=" + longToken, "REFRESH=" + longToken, "refresh%00x=" + longToken,
		"refresh[]=" + longToken, "refresh[token]=" + longToken,
	} {
		if p, err := parse("", body); err != nil || p.Refresh() != longToken || p.Continued() != longToken {
			t.Errorf("%s: %q, %v", body, p.Refresh(), err)
		}
	}
	// Other applications have a switch of that name, and it is not only that.
	for _, body := range []string{
		"grant_type=password&refresh=true", `{"refresh":true,"grant_type":"password"}`, `{"refresh":1}`, `{"refresh":null}`,
		"refresh=&refresh_token=r", `{"x":"https://a.example/?a=1&refresh=1&b=2"}`, "access=" + longToken + "&token=" + longToken,
	} {
		if p, err := parse("", body); err != nil || p.Contradicts() || p.Refresh() != "" && p.Refresh() != "r" {
			t.Errorf("%s: %q, contradicts %t, %v", body, p.Refresh(), p.Contradicts(), err)
		}
	}
}

// Attack: a stolen refresh token as `refresh`, beside one of the thief's own as
// `refresh_token`. The new tokens would belong to the session of the wrong one.
func TestTwoRefreshTokensAreRefused(t *testing.T) {
	for _, body := range []string{
		"refresh_token=own&refresh=" + longToken, `{"refresh":"` + longToken + `","refresh_token":"own"}`,
		"refresh=" + longToken + "&refresh=" + longToken + "2", `{"refresh":["` + longToken + `"]}`, `{"refresh":{"0":"` + longToken + `"}}`,
		"refresh=" + longToken + "%20", "refresh=" + jwt + "%3D", `{"x":"&refresh=` + longToken + `&y="}`,
	} {
		if p, err := parse("", body); !errors.Is(err, oauth.ErrRequest) {
			t.Errorf("%s: %q, %v; want ErrRequest", body, p.Tokens(), err)
		}
	}
}

func TestNamesOfTheOperator(t *testing.T) {
	n := named(t, []string{"jwt", "session-token"}, []string{"renewal", "rt"})
	for body, want := range map[string]oauth.Answer{
		`{"jwt":"a","renewal":"r"}`:               {Access: "a", Refresh: "r"},
		`{"sessionToken":"a","RT":"r"}`:           {Access: "a", Refresh: "r"},
		`{"access_token":"a","rt":"r"}`:           {Access: "a", Refresh: "r"},
		`{"jwt":null,"access":"` + jwt + `"}`:     {Access: jwt},
		`{"jwt":"a","token":"` + longToken + `"}`: {Access: "a"},
		`{"id_token":"i","jwt":"a"}`:              {Access: "a", ID: "i"},
	} {
		if got, err := n.ParseAnswer("application/json", []byte(body)); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", body, got, err, want)
		}
	}
	// The operator says that these are tokens, so the strict rules hold.
	for _, body := range []string{`{"jwt":1}`, `{"jwt":"a","access_token":"b"}`, `{"jwt":"a","session_token":"b"}`, `{"rt":["r"]}`, `{"jwt":" a"}`} {
		if got, err := n.ParseAnswer("application/json", []byte(body)); !errors.Is(err, oauth.ErrAnswer) {
			t.Errorf("%s: %+v, %v; want ErrAnswer", body, got, err)
		}
	}
	for body, want := range map[string]string{"rt=r": "r", "Renewal[]=r": "r", "jwt=a": "", "refresh_token=r": "r"} {
		p := &oauth.Parameters{Names: *n}
		if err := p.AddForm(body); err != nil || p.Refresh() != want {
			t.Errorf("%s: %q, %v; want %q", body, p.Refresh(), err, want)
		}
	}
	for _, body := range []string{"rt=r&refresh_token=s", "rt=r&renewal=s"} {
		if err := (&oauth.Parameters{Names: *n}).AddForm(body); !errors.Is(err, oauth.ErrRequest) {
			t.Errorf("%s: %v, want ErrRequest", body, err)
		}
	}
}

func TestNamesThatMeanSomethingElseAreRefused(t *testing.T) {
	for name, want := range map[string]string{
		"": "is not the name of a member", "_-": "is not the name of a member", strings.Repeat("a", 65): "is not the name of a member",
		"refreshToken": "is the name of another member: refresh_token", "id_token": "another member: id_token",
		"grant_type": "another member: grant_type", "subjectToken": "another member: subject_token",
	} {
		if _, err := oauth.NewNames([]string{name}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("access_token %q: %v, want %q", name, err, want)
		}
	}
	if _, err := oauth.NewNames([]string{"a"}, []string{"A"}); err == nil || !strings.Contains(err.Error(), "refresh_token \"A\"") {
		t.Errorf("one name for both: %v", err)
	}
	if _, err := oauth.NewNames([]string{"access_token", "access", "jwt", "JWT"}, []string{"refresh"}); err != nil {
		t.Errorf("names that are known already: %v", err)
	}
}
