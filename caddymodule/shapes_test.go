package caddymodule

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// shape is a token as an issuer sends it. Dates are written "now+300".
type shape struct {
	Name    string
	Iss     string
	Header  map[string]any
	Claims  map[string]any
	Session []string // the claims that name the session
}

// shapeBlocks has, for each shape, what an operator writes into the block of its issuer, and
// before it into the global options.
var shapeBlocks = map[string]struct{ issuer, options, lines string }{
	"Keycloak 26 (user)":                               {lines: "audience shop-web\naudience_claim aud azp"},
	"Keycloak 26 (service account, no roles)":          {lines: "audience shop-svc\naudience_claim aud azp"},
	"Entra ID v2":                                      {lines: "audience 6e74172b-be56-4843-9ff4-e66a39bb12e3\ntoken_id_claim uti"},
	"Auth0 (default profile)":                          {lines: "audience https://api.example.com"},
	"Okta custom AS":                                   {lines: "audience api://default"},
	"Amazon Cognito access":                            {lines: "audience 1example23456789\naudience_claim client_id\nsession_claim origin_jti\nrequire token_use access"},
	"Google ID token":                                  {lines: "audience 123.apps.googleusercontent.com"},
	"Firebase":                                         {lines: "audience my-proj"},
	"Zitadel":                                          {lines: "audience 69234237810729019"},
	"Ory Hydra (jwt strategy)":                         {lines: "audience c\naudience_claim client_id\nsession_claim ext.sid"},
	"Supabase (HS256, legacy secret)":                  {lines: "audience authenticated\nsession_claim session_id"},
	"Supabase (ES256 signing keys)":                    {lines: "audience authenticated\nsession_claim session_id"},
	"Clerk v2 session token":                           {lines: "audience https://example.com\naudience_claim azp"},
	"FusionAuth (iss acme.com)":                        {lines: "audience e9fdb985"},
	"Spring Authorization Server":                      {lines: "audience messaging-client"},
	"ADFS 2016+":                                       {lines: "audience microsoft:identityserver:api\nsubject_claim sub unique_name"},
	"Cloudflare Access (user)":                         {lines: "audience 32eafc\nsession_claim identity_nonce"},
	"Django simplejwt":                                 {issuer: "django", lines: "any_audience\naccept_missing_iss\nsubject_claim user_id\nrequire token_type access"},
	"devise-jwt (aud null, no iss)":                    {issuer: "devise", lines: "any_audience\naccept_missing_iss\nrequire scp user"},
	"GitLab CI id_token, long project path and branch": {lines: "audience https://api.example.com"},
	"Entra ID v2, user of another tenant (multi-tenant app)": {
		issuer: "https://login.microsoftonline.com/*/v2.0", lines: "audience 6e74172b-be56-4843-9ff4-e66a39bb12e3\nwildcard tid",
	},
	"Auth0 (RFC 9068 profile, sid added by an Action)":         {lines: "audience https://api.example.com\nsession_claim https://example.com/sid"},
	"IdentityServer4 < 4.1 / IdentityServer3 (no iat, no jti)": {lines: "audience api1\naccept_missing_iat 1h"},
	"Kubernetes service account (kubelet, extended to 1 year)": {
		options: "max_token_lifetime 366d\nretention 366d", lines: "audience https://kubernetes.default.svc.cluster.local",
	},
	"Laravel Passport": {issuer: "passport", options: "max_token_lifetime 366d\nretention 366d", lines: "audience 9\naccept_missing_iss"},
}

// readShapes returns the shapes, with the dates of now.
func readShapes(t *testing.T) (shapes []shape) {
	t.Helper()
	text, err := os.ReadFile("testdata/token_shapes.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &shapes); err != nil {
		t.Fatal(err)
	}
	for _, s := range shapes {
		for name, value := range s.Claims {
			text, _ := value.(string)
			if offset, dated := strings.CutPrefix(text, "now"); dated {
				seconds, err := strconv.ParseInt(offset, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				s.Claims[name] = time.Now().Unix() + seconds
			}
		}
	}
	return shapes
}

// adaptedApp returns the app of a Caddyfile whose session_gate block has these lines.
func adaptedApp(t *testing.T, lines string) *App {
	t.Helper()
	adapted, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt(
		[]byte("{\nsession_gate {\n"+lines+"\nstore memory\n}\n}\n"), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range warnings {
		if !strings.Contains(w.Message, "not formatted") {
			t.Errorf("warning: %s", w)
		}
	}
	var config struct {
		Apps struct {
			App *App `json:"session_gate"`
		}
	}
	if err := json.Unmarshal(adapted, &config); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	if err := config.Apps.App.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = config.Apps.App.Cleanup() })
	return config.Apps.App
}

// shapeKeys makes two keys for each algorithm: the issuer's, and that of a forger.
func shapeKeys(t *testing.T) func(algorithm string) (issuer, forger *tokentest.Key) {
	made := make(map[string][2]*tokentest.Key)
	return func(algorithm string) (issuer, forger *tokentest.Key) {
		if _, ok := made[algorithm]; !ok {
			made[algorithm] = [2]*tokentest.Key{tokentest.NewKey(t, algorithm, ""), tokentest.NewKey(t, algorithm, "")}
		}
		return made[algorithm][0], made[algorithm][1]
	}
}

// keyLine returns the line that names a key in the block of an issuer.
func keyLine(t *testing.T, key *tokentest.Key) string {
	t.Helper()
	if key.Secret != nil {
		t.Setenv("SG_SHAPE_SECRET", hex.EncodeToString(key.Secret[:16]))
		key.Secret = []byte(os.Getenv("SG_SHAPE_SECRET"))
		return "hmac_secret {env.SG_SHAPE_SECRET}"
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, key.PublicPEM(t), 0o600); err != nil {
		t.Fatal(err)
	}
	return "public_key " + file
}

// A token of each shape is admitted with the block that its operator writes, and belongs to
// the session that it names.
func TestTokensOfRealIssuersAreAdmitted(t *testing.T) {
	shapes, keys := readShapes(t), shapeKeys(t)
	if len(shapes) != len(shapeBlocks) {
		t.Errorf("%d shapes and %d blocks", len(shapes), len(shapeBlocks))
	}
	for _, s := range shapes {
		t.Run(s.Name, func(t *testing.T) {
			block, known := shapeBlocks[s.Name]
			if !known {
				t.Fatal("no block for the shape")
			}
			key, forger := keys(s.Header["alg"].(string))
			line, name := keyLine(t, key), cmp.Or(block.issuer, s.Iss)
			app := adaptedApp(t, fmt.Sprintf("%s\nissuer %s {\n%s\n%s\n}", block.options, name, line, block.lines))
			verified, err := app.verifier.Verify(tokentest.Mint(t, key, s.Claims, s.Header), time.Now())
			if err != nil {
				t.Fatalf("refused: %v", err)
			}
			for _, claim := range s.Session {
				if want, _ := s.Claims[claim].(string); verified.SessionID != want {
					t.Errorf("session %q, want %q", verified.SessionID, want)
				}
			}
			// Attack: nobody but the issuer has made the token.
			forged := tokentest.Mint(t, forger, s.Claims, s.Header)
			if _, err := app.verifier.Verify(forged, time.Now()); err == nil {
				t.Error("a forged token of the shape was accepted")
			}
		})
	}
}
