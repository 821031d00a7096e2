package shapes

import (
	"crypto/rand"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// ending is what a DELETE ends for a shape.
type ending struct {
	// scope is what the answer says.
	scope string
	// session is the dotted path to the claim that names a session, "" if there is none.
	session string
	// subject is the claim that names the user.
	subject string
}

// endings are read off the claims of each shape by the rules of docs/identity-providers.md: a
// session claim names what ends, or else a usable auth_time does, or else it is everything of the
// user. No shape is a machine's: none has its own client as its subject.
var endings = map[string]ending{
	"Keycloak 26 (user)":                      {"session", "sid", "sub"},
	"Keycloak 26 (service account, no roles)": {"subject", "", "sub"},
	"Entra ID v2":                             {"session", "sid", "sub"},
	"Entra ID v2, user of another tenant (multi-tenant app)": {"subject", "", "sub"},
	"Auth0 (default profile)":                                {"subject", "", "sub"},
	"Auth0 (RFC 9068 profile, sid added by an Action)":       {"session", "https://example.com/sid", "sub"},
	"Okta custom AS":        {"login", "", "sub"},
	"Amazon Cognito access": {"session", "origin_jti", "sub"},
	"Google ID token":       {"subject", "", "sub"},
	"Firebase":              {"login", "", "sub"},
	"GitLab CI id_token, long project path and branch": {"subject", "", "sub"},
	"Zitadel":                                                  {"subject", "", "sub"},
	"Ory Hydra (jwt strategy)":                                 {"session", "ext.sid", "sub"},
	"Supabase (HS256, legacy secret)":                          {"session", "session_id", "sub"},
	"Supabase (ES256 signing keys)":                            {"session", "session_id", "sub"},
	"Clerk v2 session token":                                   {"session", "sid", "sub"},
	"FusionAuth (iss acme.com)":                                {"session", "sid", "sub"},
	"IdentityServer4 < 4.1 / IdentityServer3 (no iat, no jti)": {"login", "", "sub"},
	"Spring Authorization Server":                              {"subject", "", "sub"},
	"ADFS 2016+":                                               {"login", "", "unique_name"},
	"Cloudflare Access (user)":                                 {"session", "identity_nonce", "sub"},
	"Kubernetes service account (kubelet, extended to 1 year)": {"subject", "", "sub"},
	"Laravel Passport":                                         {"subject", "", "sub"},
	"Django simplejwt":                                         {"subject", "", "user_id"},
	"devise-jwt (aud null, no iss)":                            {"subject", "", "sub"},
}

// issuer issues tokens of a shape.
type issuer struct {
	tokentest.Shape
	ending
	key *tokentest.Key
}

// login is what the tokens of one login have in common.
type login map[string]any

// logIn returns a login at a time. It differs from all others, also of the same user.
func (i issuer) logIn(t *testing.T, at time.Time) login {
	t.Helper()
	l := make(login)
	if authTime, ok := i.At(t, at, nil)["auth_time"]; ok {
		l["auth_time"] = authTime
	}
	switch top, below, nested := strings.Cut(i.session, "."); {
	case strings.HasPrefix(i.session, "https://"):
		l[i.session] = rand.Text()
	case nested:
		l[top] = map[string]any{below: rand.Text()}
	case top != "":
		l[top] = rand.Text()
	}
	return l
}

// token returns a token of a login that was issued at a time, with further claims.
func (i issuer) token(t *testing.T, of login, at time.Time, more map[string]any) string {
	t.Helper()
	claims := map[string]any(maps.Clone(of))
	for _, claim := range i.Unique {
		claims[claim] = rand.Text()
	}
	maps.Copy(claims, more)
	return tokentest.Mint(t, i.key, i.At(t, at, claims), i.Header)
}

// Given the tokens of each issuer, when a user logs out with one of them, then what the answer
// names has ended: not another user, and not a later login.
//
// Attack: log out, and go on with another token of the same login, or refresh it at the issuer.
// If no claim ties a refreshed token to the old one, it is admitted. Therefore every older token
// of the user ends.
func TestALogoutEndsWhatTheTokensOfTheIssuerName(t *testing.T) {
	t.Parallel()
	if all := tokentest.Shapes(t); len(all) != len(endings) {
		t.Errorf("%d shapes and %d endings", len(all), len(endings))
	}
	for n, accepted := range shared(t) {
		t.Run(fmt.Sprint("gate ", n), func(t *testing.T) {
			t.Parallel()
			harness.EachStore(t, func(t *testing.T, store string) {
				t.Parallel()
				g, keys := start(t, store, accepted)
				for _, s := range accepted {
					t.Run(s.Name, func(t *testing.T) {
						t.Parallel()
						ends(t, g, issuer{s, endings[s.Name], keys[s.Name]})
					})
				}
			})
		})
	}
}

func ends(t *testing.T, g *harness.Gate, i issuer) {
	begin := time.Now().Add(-5 * time.Second)
	laptop, phone := i.logIn(t, begin), i.logIn(t, begin.Add(-time.Second))
	token, other := i.token(t, laptop, begin, nil), i.token(t, laptop, begin.Add(time.Second), nil)
	unseen, onPhone := i.token(t, laptop, begin.Add(2*time.Second), nil), i.token(t, phone, begin, nil)
	stranger := i.token(t, i.logIn(t, begin), begin, map[string]any{i.subject: "42"})
	if token == other || token == onPhone {
		t.Fatal("the issuer issues one token twice")
	}
	for _, raw := range []string{token, other, onPhone, stranger} {
		harness.CheckAdmitted(t, harness.Get(t, g, raw))
	}

	answer := harness.End(t, g, token)
	answers.Invalidated.Check(t, answer)
	if got := answer.Header.Get("Session-Gate-Ended"); got != i.scope {
		t.Errorf("Session-Gate-Ended is %q, want %q", got, i.scope)
	}
	now, ofAll := time.Now(), i.scope == "subject"
	tokens := map[string]struct {
		raw      string
		admitted bool
	}{
		"the token":                      {token, false},
		"another token of the login":     {other, false},
		"one that the gate has not seen": {unseen, false},
		"one of another device":          {onPhone, !ofAll},
		"one that was refreshed":         {i.token(t, laptop, now, nil), ofAll},
		"one of a new login":             {i.token(t, i.logIn(t, now), now, nil), true},
		"one of another user":            {stranger, true},
	}
	for range 2 {
		for name, of := range tokens {
			if got := harness.Get(t, g, of.raw).Status; got != 401 && !of.admitted || got != 200 && of.admitted {
				t.Errorf("%s is answered %d, want admitted %t", name, got, of.admitted)
			}
		}
		i.alsoEnds(t, g, laptop, now)
		// Attack: end the new login with another DELETE by an old token.
		answers.NoSession.Check(t, harness.End(t, g, token))
	}
}

// alsoEnds checks tokens of a revoked session whose issuer also says when the user logged in.
//
// Attack (Keycloak): the issuer keeps `auth_time` in the user's session, so that a stolen
// refresh token gets the one of a later login. Or another client of the login has tokens that
// do not name the session.
func (i issuer) alsoEnds(t *testing.T, g *harness.Gate, of login, now time.Time) {
	t.Helper()
	if _, dated := of["auth_time"]; i.scope != "session" || !dated {
		return
	}
	later := i.token(t, of, now, map[string]any{"auth_time": now.Unix()})
	bare := i.token(t, of, now, map[string]any{i.session: nil})
	answers.BadToken.Check(t, harness.Get(t, g, later))
	answers.BadToken.Check(t, harness.Get(t, g, bare))
}
