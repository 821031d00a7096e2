package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// providerBlock is a Caddyfile of docs/identity-providers.md, with the heading above it. A
// further one below the same heading has a number.
type providerBlock struct{ name, caddyfile string }

func providerBlocks(t *testing.T) (blocks []providerBlock) {
	t.Helper()
	page, err := os.ReadFile("../docs/identity-providers.md")
	if err != nil {
		t.Fatal(err)
	}
	heading, in, count := "", false, 0
	for line := range strings.Lines(string(page)) {
		switch {
		case strings.HasPrefix(line, "```caddyfile"):
			in, count = true, count+1
			name := heading
			if count > 1 {
				name += " " + strconv.Itoa(count)
			}
			blocks = append(blocks, providerBlock{name: name})
		case strings.HasPrefix(line, "```"):
			in = false
		case in:
			blocks[len(blocks)-1].caddyfile += line
		case strings.HasPrefix(line, "#"):
			heading, count = strings.TrimSpace(strings.TrimLeft(line, "#")), 0
		}
	}
	return blocks
}

// providerToken is a token as the provider of a block issues it.
type providerToken struct {
	shape string // of tokentest.Shapes, or "" for none
	// changes are claims besides. null is no claim. "login" is the time of the login.
	changes string
	// ends is what the page says that a DELETE ends.
	ends string
}

var providerTokens = map[string][]providerToken{
	"Keycloak": {
		{"Keycloak 26 (user)", `{"auth_time":"login"}`, "session"},
		{"Keycloak 26 (service account, no roles)", `{"azp":"shop-web"}`, "subject"},
	},
	"Entra ID": {
		{"Entra ID v2", `{"auth_time":null}`, "session"},
		{"Entra ID v2", `{"sid":null,"auth_time":"login"}`, "login"},
		{"Entra ID v2", `{"sid":null}`, "subject"},
	},
	"Entra ID 2": {{"Entra ID v2", `{"ver":"1.0","aud":"api://legacy-app","sid":null}`, "subject"}},
	"Entra ID 3": {{"Entra ID v2, user of another tenant (multi-tenant app)", `{}`, "subject"}},
	"Azure AD B2C": {
		{"", `{"aud":"6e74172b-be56-4843-9ff4-e66a39bb12e3","sub":"a","tfp":"B2C_1_signin","scp":"read","auth_time":"login"}`, "login"},
		{"", `{"aud":"6e74172b-be56-4843-9ff4-e66a39bb12e3","sub":"a","tfp":"B2C_1_signin"}`, "subject"},
	},
	"Auth0": {
		{"Auth0 (RFC 9068 profile, sid added by an Action)", `{}`, "session"},
		{"Auth0 (default profile)", `{}`, "subject"},
		{"Auth0 (default profile)", `{"sub":"my_client_id@clients"}`, "subject"},
	},
	"Okta":                                   {{"Okta custom AS", `{"auth_time":"login"}`, "login"}, {"Okta custom AS", `{"sub":"0oa1","auth_time":null}`, "token"}},
	"Amazon Cognito":                         {{"Amazon Cognito access", `{"auth_time":"login"}`, "session"}, {"Amazon Cognito access", `{"auth_time":"login","origin_jti":null}`, "login"}},
	"Google, Firebase, Identity-Aware Proxy": {{"Google ID token", `{}`, "subject"}},
	"Google, Firebase, Identity-Aware Proxy 2": {{"Firebase", `{"auth_time":"login"}`, "login"}},
	"Google, Firebase, Identity-Aware Proxy 3": {
		{"", `{"aud":"/projects/123456789/global/backendServices/987654321","sub":"accounts.google.com:1","email":"a@example.com"}`, "subject"},
	},
	"Zitadel": {{"Zitadel", `{}`, "subject"}},
	"authentik": {
		{"", `{"aud":"shop-client-id","sub":"a","sid":"s","auth_time":"login","acr":"goauthentik.io/providers/oauth2/default"}`, "session"},
		{"", `{"aud":"shop-client-id","sub":"a","auth_time":"login"}`, "login"},
	},
	"Ory Hydra and Kratos": {
		{"Ory Hydra (jwt strategy)", `{"client_id":"shop-web","sid":"hydra-sid","ext":null}`, "session"},
		{"Ory Hydra (jwt strategy)", `{"client_id":"shop-web"}`, "subject"},
		{"Ory Hydra (jwt strategy)", `{"client_id":"shop-web","sub":"shop-web"}`, "token"},
	},
	"Ory Hydra and Kratos 2": {{"", `{"sub":"a","sid":"kratos-session"}`, "session"}},
	"Supabase":               {{"Supabase (HS256, legacy secret)", `{}`, "session"}, {"Supabase (ES256 signing keys)", `{}`, "session"}},
	"Clerk":                  {{"Clerk v2 session token", `{}`, "session"}},
	"WorkOS":                 {{"", `{"sub":"user_1","sid":"session_1","org_id":"o","role":"member","act":{"sub":"admin@example.com"}}`, "session"}},
	"Logto": {
		{"", `{"aud":"https://api.example.com","sub":"a","client_id":"c","scope":"read"}`, "subject"},
		{"", `{"aud":"https://api.example.com","sub":"c","client_id":"c"}`, "token"},
	},
	"FusionAuth": {{"FusionAuth (iss acme.com)", `{"auth_time":"login"}`, "session"}, {"FusionAuth (iss acme.com)", `{"auth_time":"login","sid":null}`, "login"}},
	"Ping":       {{"", `{"aud":["https://api.example.com"],"sub":"a","client_id":"c","auth_time":"login","env":"b1a3f0b5"}`, "login"}},
	"Duende and IdentityServer": {
		{"", `{"aud":"api1","sub":"a","client_id":"web","sid":"s","auth_time":"login","scope":["api1"],"amr":["pwd"]}`, "session"},
	},
	"Duende and IdentityServer 2": {{"IdentityServer4 < 4.1 / IdentityServer3 (no iat, no jti)", `{"auth_time":"login"}`, "login"}},
	"OpenIddict": {
		{"", `{"aud":"legacy-app","sub":"a","client_id":"web","oi_au_id":"x","oi_tkn_id":"y","scope":"openid"}`, "subject"},
		{"", `{"aud":"legacy-app","sub":"a","client_id":"web","sid":"s"}`, "session"},
	},
	"Spring Authorization Server": {
		{"Spring Authorization Server", `{}`, "subject"},
		{"Spring Authorization Server", `{"sub":"messaging-client"}`, "subject"},
		{"Spring Authorization Server", `{"sid":"s"}`, "session"},
	},
	"ADFS": {
		{"ADFS 2016+", `{"auth_time":"login as text"}`, "login"},
		{"ADFS 2016+", `{"auth_time":"login as text","sid":"S-1-5-21-1-2-3-1001"}`, "login"},
	},
	"Cloudflare Access":           {{"Cloudflare Access (user)", `{}`, "session"}, {"Cloudflare Access (user)", `{"sub":"","identity_nonce":null,"common_name":"x.access"}`, "token"}},
	"GitLab":                      {{"GitLab CI id_token, long project path and branch", `{"namespace_id":"72"}`, "token"}},
	"Kubernetes service accounts": {{"Kubernetes service account (kubelet, extended to 1 year)", `{"aud":["legacy-app"],"exp":"now+3600"}`, "token"}},
	"Laravel Passport":            {{"Laravel Passport", `{"exp":"now+3600"}`, "subject"}},
	"Django Simple JWT":           {{"Django simplejwt", `{}`, "subject"}, {"Django simplejwt", `{"user_id":1}`, "subject"}},
	"devise-jwt":                  {{"devise-jwt (aud null, no iss)", `{}`, "subject"}},
}

// issuerOf adapts a block and returns its issuer, with the secret as its only key.
func (b providerBlock) issuerOf(t *testing.T, secret []byte) *Issuer {
	t.Helper()
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(b.caddyfile), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Apps struct {
			App *App `json:"session_gate"`
		}
	}
	if err := json.Unmarshal(adapted, &config); err != nil {
		t.Fatal(err)
	}
	if len(config.Apps.App.Issuer) != 1 {
		t.Fatalf("%d issuers", len(config.Apps.App.Issuer))
	}
	i := config.Apps.App.Issuer[0]
	i.JWKS, i.Discover, i.JWKSFile, i.PublicKey, i.TLSCA, i.InsecureHTTP = nil, false, nil, nil, "", false
	i.HMACSecret = []string{string(secret)}
	return i
}

// claims returns the claims of a token, of another one of the same login, or of a new login.
func (p providerToken) claims(t *testing.T, shapes []tokentest.Shape, i *Issuer, id string, login time.Time) map[string]any {
	t.Helper()
	claims := map[string]any{"iat": login.Unix(), "exp": login.Unix() + 300, "iss": i.Issuer}
	if p.shape != "" {
		n := slices.IndexFunc(shapes, func(s tokentest.Shape) bool { return s.Name == p.shape })
		if n < 0 {
			t.Fatalf("no shape %q", p.shape)
		}
		claims = shapes[n].At(t, login, nil)
		if _, has := claims["iss"]; has && i.Wildcard == nil {
			claims["iss"] = i.Issuer
		}
	}
	changes := map[string]any{}
	if err := json.Unmarshal([]byte(p.changes), &changes); err != nil {
		t.Fatal(err)
	}
	for name, value := range changes {
		switch value {
		case nil:
			delete(claims, name)
		case "login":
			claims[name] = login.Unix()
		case "login as text":
			claims[name] = login.UTC().Format("2006-01-02T15:04:05.000Z")
		case "now+3600":
			claims[name] = login.Unix() + 3600
		default:
			claims[name] = value
		}
	}
	for _, name := range []string{"iat", "nbf"} {
		if _, has := claims[name]; has {
			claims[name] = login.Unix()
		}
	}
	for _, name := range []string{"jti", "uti", "r"} {
		if _, has := claims[name]; has {
			claims[name] = id
		}
	}
	claims["x_id"] = id // so that two tokens without an id differ
	return claims
}

// Each block of the page about identity providers admits a token as the provider issues it. A
// DELETE ends what the page says: other tokens of the login are refused with it, unless it ends
// the token alone, and those of a new login are admitted.
func TestTheDocumentedBlocksOfProvidersDoWhatThePageSays(t *testing.T) {
	blocks := providerBlocks(t)
	if len(blocks) != len(providerTokens) {
		t.Errorf("%d blocks, and tokens for %d", len(blocks), len(providerTokens))
	}
	for _, block := range blocks {
		tokens := providerTokens[block.name]
		if len(tokens) == 0 {
			t.Errorf("no token of %s", block.name)
		}
		for n, p := range tokens {
			t.Run(fmt.Sprintf("%s/%d", block.name, n+1), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { p.tryOn(t, block) })
			})
		}
	}
}

// tryOn ends the login of a token at a gate with the block.
func (p providerToken) tryOn(t *testing.T, block providerBlock) {
	key := &tokentest.Key{Algorithm: "HS256", Secret: []byte(strings.Repeat("s3cret", 8))}
	issuer, shapes := block.issuerOf(t, key.Secret), tokentest.Shapes(t)
	g := &gateTest{key: key}
	g.start(t, Gate{}, issuer)
	login := time.Now()
	time.Sleep(time.Second)
	first := tokentest.Mint(t, key, p.claims(t, shapes, issuer, "1", login))
	sibling := tokentest.Mint(t, key, p.claims(t, shapes, issuer, "2", login))
	for _, raw := range []string{first, sibling} {
		g.get(t, "/", raw).want(t, http.StatusOK, "")
	}
	ended := g.end(t, first, "")
	ended.want(t, http.StatusOK, invalidated)
	if scope := ended.Header().Get("Session-Gate-Ended"); scope != p.ends {
		t.Errorf("a DELETE ends the %s, the page says %s", scope, p.ends)
	}
	g.get(t, "/", first).want(t, http.StatusUnauthorized, "unauthorized")
	if left := g.get(t, "/", sibling).Code == http.StatusOK; left != (p.ends == "token") {
		t.Errorf("another token of the login is admitted: %t", left)
	}
	g.get(t, "/", tokentest.Mint(t, key, p.again(t, shapes, issuer))).want(t, http.StatusOK, "")
}

// again returns the claims of a token of a new login, in a new session of the issuer.
func (p providerToken) again(t *testing.T, shapes []tokentest.Shape, i *Issuer) map[string]any {
	t.Helper()
	claims := p.claims(t, shapes, i, "3", time.Now())
	for _, name := range i.sessionClaims() {
		if _, has := claims[name]; has {
			claims[name] = "another session"
		}
	}
	return claims
}

// Somebody who chose a provider finds its section, and in it what a DELETE ends and how users log
// out.
func TestEachProviderHasItsSection(t *testing.T) {
	page, err := os.ReadFile("../docs/identity-providers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, sections, _ := strings.Cut(string(page), "\n## At a glance\n")
	names := []string{
		"Keycloak", "Entra ID", "Auth0", "Okta", "Amazon Cognito", "Google, Firebase, Identity-Aware Proxy", "Zitadel", "authentik",
		"Ory Hydra and Kratos", "Supabase", "Clerk", "WorkOS", "Logto", "FusionAuth", "Ping", "Duende and IdentityServer", "OpenIddict",
		"Spring Authorization Server", "ADFS", "Cloudflare Access", "GitLab", "Kubernetes service accounts", "Laravel Passport",
		"Django Simple JWT", "devise-jwt",
	}
	parts := strings.Split(sections, "\n## ")[1:]
	if len(parts) != len(names) {
		t.Errorf("%d sections, want %d", len(parts), len(names))
	}
	for n, part := range parts {
		heading, text, _ := strings.Cut(part, "\n")
		if n < len(names) && heading != names[n] {
			t.Errorf("the section %q, want %q", heading, names[n])
		}
		for _, topic := range []string{"```caddyfile", "**`DELETE` ends**", "og out"} {
			if !strings.Contains(text, topic) {
				t.Errorf("the section %q has no %q", heading, topic)
			}
		}
	}
}
