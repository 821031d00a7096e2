package providers

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// answerLimit is how long an answer of the provider may take.
const answerLimit = 30 * time.Second

// tokens are what a token endpoint handed out together.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	// Error and Description are those of an answer without tokens (RFC 6749 §5.2).
	Error       string `json:"error"`
	Description string `json:"error_description"`
	// forms are the prompts of the forms that the provider showed: "login", "consent".
	forms []string
}

// browser is one browser of a user: it keeps the cookies of the provider, and so the single
// sign-on session.
type browser struct {
	provider *provider
	user     string
	client   *http.Client
}

// browser returns a new browser, without a cookie.
func (p *provider) browser(t *testing.T, user string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{p, user, &http.Client{
		Jar: jar, Timeout: answerLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// logIn goes through the code flow with PKCE (RFC 7636), with these values of `prompt`. With
// "login", the user has to enter the password again. Without it, the provider asks for the
// password only if the browser has no single sign-on session.
func (b *browser) logIn(t *testing.T, prompts ...string) tokens {
	t.Helper()
	got := b.tryLogIn(t, prompts...)
	if got.Access == "" || got.Refresh == "" || got.ID == "" {
		t.Fatalf("logging in: the token endpoint answers %+v", got)
	}
	return got
}

// tryLogIn is logIn whose request for tokens may be refused.
func (b *browser) tryLogIn(t *testing.T, prompts ...string) tokens {
	t.Helper()
	verifier, state := rand.Text()+rand.Text(), rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	query := url.Values{
		"client_id": {clientID}, "redirect_uri": {callback}, "response_type": {"code"}, "state": {state},
		"scope": {"openid offline_access read"},
		// A refresh token needs a consent (OpenID Connect Core §11).
		"prompt":                {strings.Join(append(prompts, "consent"), " ")},
		"code_challenge_method": {"S256"},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(challenge[:])},
	}
	back, forms := b.visit(t, "/auth?"+query.Encode(), callback)
	if back.Get("code") == "" || back.Get("state") != state || back.Get("iss") != b.provider.url {
		t.Fatalf("logging in: the provider sent the browser back with %v", back)
	}
	got := b.provider.grant(t, url.Values{
		"grant_type": {"authorization_code"}, "code": back["code"], "redirect_uri": {callback}, "code_verifier": {verifier},
	})
	got.forms = forms
	return got
}

// logInLater enters the password again until the provider's `auth_time`, which counts
// seconds, is later than that of a login.
func (b *browser) logInLater(t *testing.T, than tokens) (got tokens) {
	t.Helper()
	harness.Eventually(t, answerLimit, "a later auth_time", func() bool {
		got = b.logIn(t, "login")
		return got.claim(t, "auth_time").(float64) > than.claim(t, "auth_time").(float64)
	})
	return got
}

// logOut ends the single sign-on session at the provider (OpenID Connect RP-Initiated Logout
// 1.0).
func (b *browser) logOut(t *testing.T, of tokens) {
	t.Helper()
	query := url.Values{"id_token_hint": {of.ID}, "post_logout_redirect_uri": {goodbye}}
	b.visit(t, "/session/end?"+query.Encode(), goodbye)
}

// refresh uses a refresh token at the provider, which rotates it.
func (p *provider) refresh(t *testing.T, of tokens) tokens {
	t.Helper()
	return p.grant(t, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {of.Refresh}})
}

// grant sends a request to the token endpoint.
func (p *provider) grant(t *testing.T, form url.Values) (got tokens) {
	t.Helper()
	form.Set("client_id", clientID)
	response, err := (&http.Client{Timeout: answerLimit}).PostForm(p.tokenEndpoint, form)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		t.Fatalf("reading the answer %s of the token endpoint: %v", response.Status, err)
	}
	return got
}

var (
	action = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)
	hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)
)

// visit follows redirections and submits forms until the provider sends the browser to an
// address that begins with end. It returns the query of that address and the prompts.
func (b *browser) visit(t *testing.T, path, end string) (query url.Values, forms []string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, b.provider.url+path, nil)
	for range 20 {
		if err != nil {
			t.Fatal(err)
		}
		response, failure := b.client.Do(request)
		if failure != nil {
			t.Fatal(failure)
		}
		page, failure := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if failure != nil {
			t.Fatal(failure)
		}
		if to, failure := response.Location(); failure == nil {
			if strings.HasPrefix(to.String(), end) {
				return to.Query(), forms
			}
			request, err = http.NewRequest(http.MethodGet, to.String(), nil)
			continue
		}
		form := action.FindSubmatch(page)
		if response.StatusCode != http.StatusOK || form == nil {
			t.Fatalf("visiting %s: %s\n%s", request.URL, response.Status, page)
		}
		// The fields that a user fills in, and the button. Each form ignores those of the others.
		fields := url.Values{"login": {b.user}, "password": {"any"}, "logout": {"yes"}}
		for _, field := range hidden.FindAllSubmatch(page, -1) {
			fields.Set(string(field[1]), html.UnescapeString(string(field[2])))
		}
		if prompt := fields.Get("prompt"); prompt != "" {
			forms = append(forms, prompt)
		}
		request, err = http.NewRequest(http.MethodPost, html.UnescapeString(string(form[1])), strings.NewReader(fields.Encode()))
		if err == nil {
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
	}
	t.Fatalf("visiting %s: the provider does not send the browser to %s", path, end)
	return nil, nil
}

// claim returns a claim of the access token, unverified, or nil.
func (of tokens) claim(t *testing.T, name string) any {
	t.Helper()
	var claims map[string]any
	decode(t, of.Access, 1, &claims)
	return claims[name]
}

// typ returns the `typ` in the header of the access token.
func (of tokens) typ(t *testing.T) string {
	t.Helper()
	var header struct{ Typ string }
	decode(t, of.Access, 0, &header)
	return header.Typ
}

// decode reads one part of a JSON Web Token.
func decode(t *testing.T, token string, part int, into any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JSON Web Token", token)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[part])
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("reading the token %q: %v", token, err)
	}
}
