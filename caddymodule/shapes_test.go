package caddymodule

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

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
	keys := shapeKeys(t)
	for _, s := range tokentest.Shapes(t) {
		t.Run(s.Name, func(t *testing.T) {
			key, forger := keys(s.Algorithm())
			app := adaptedApp(t, strings.Join(s.Options, "\n")+"\n"+s.IssuerBlock(keyLine(t, key)))
			claims := s.At(t, time.Now(), nil)
			verified, err := app.verifier.Verify(tokentest.Mint(t, key, claims, s.Header), time.Now())
			if err != nil {
				t.Fatalf("refused: %v", err)
			}
			for _, claim := range s.Session {
				if want, _ := claims[claim].(string); verified.SessionID != want {
					t.Errorf("session %q, want %q", verified.SessionID, want)
				}
			}
			// Attack: nobody but the issuer has made the token.
			forged := tokentest.Mint(t, forger, claims, s.Header)
			if _, err := app.verifier.Verify(forged, time.Now()); err == nil {
				t.Error("a forged token of the shape was accepted")
			}
		})
	}
}
