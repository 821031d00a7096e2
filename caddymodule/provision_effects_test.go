package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/store"
)

// listen returns an address to which nothing may connect, and a check for the end of the
// test: the first connection must be that of the check.
func listen(t *testing.T) (address string, wantUntouched func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	address = listener.Addr().String()
	return address, func() {
		t.Helper()
		own, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer own.Close()
		first, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer first.Close()
		if first.RemoteAddr().String() != own.LocalAddr().String() {
			t.Errorf("somebody else connected to %s", address)
		}
	}
}

// Invariant 11. Attack: a configuration is only checked, in a review or by CI, and that
// already connects to the production store, or holds its lock.
func TestValidateTouchesNothing(t *testing.T) {
	redis, wantRedisUntouched := listen(t)
	issuer, wantIssuerUntouched := listen(t)
	folder := filepath.Join(t.TempDir(), "session_gate")
	bolt, err := json.Marshal(map[string]any{"store": "bolt", "path": filepath.Join(folder, "revocations.db")})
	if err != nil {
		t.Fatal(err)
	}
	jwks := fmt.Sprintf(`"hmac_secret": null, "jwks": "http://%s/jwks.json"`, issuer)
	discover := fmt.Sprintf(`"hmac_secret": null, "issuer": "http://%s", "discover": true`, issuer)
	for name, test := range map[string]refusal{
		"bolt and jwks":      {app: `"store": ` + string(bolt), issuer: jwks},
		"redis and discover": {app: fmt.Sprintf(`"store": {"store": "redis", "addresses": [%q]}`, redis), issuer: discover},
		"sentinel": {
			app: fmt.Sprintf(`"store": {"store": "redis", "addresses": [%q], "sentinel_master": "mymaster"}`, redis),
		},
	} {
		if err := test.validate(t); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// Refused late: the store and the keys were acquired before.
		test.gate = `"public": ["not a path"]`
		if err := test.validate(t); err == nil {
			t.Errorf("%s: a bad gate was accepted", name)
		}
	}
	wantRedisUntouched()
	wantIssuerUntouched()
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder of the store: %v", err)
	}
	if pooled() != 0 {
		t.Errorf("%d references are left in the pools", pooled())
	}
}

// provisioned returns an app that Provision was called on, and its error.
func provisioned(t *testing.T, config refusal) (*App, error) {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	app := new(App)
	text := fmt.Sprintf(`{"issuer": [%s], "store": {"store": "memory"}}`, patch(t, goodIssuer, config.issuer))
	if err := json.Unmarshal(patch(t, text, config.app), app); err != nil {
		t.Fatal(err)
	}
	return app, app.Provision(ctx)
}

// Caddy also calls Cleanup after a failed Provision. A pool panics if more references are
// released than were acquired.
func TestCleanupGivesBackWhatWasTaken(t *testing.T) {
	jwks := `"hmac_secret": null, "jwks": "https://id.example.com/jwks.json"`
	for name, test := range map[string]struct {
		config refusal
		fails  bool
		taken  int
	}{
		"everything":                  {config: refusal{issuer: jwks}, taken: 2},
		"several key sets":            {config: refusal{issuer: `"discover": true, "jwks": ["https://a.example/1", "https://a.example/2"]`}, taken: 4},
		"fails at the second key set": {config: refusal{issuer: `"jwks": ["https://a.example/1", "ftp://a"]`}, fails: true, taken: 2},
		"fails after the key sets":    {config: refusal{issuer: `"jwks": ["https://a.example/1"], "jwks_file": ["missing"]`}, fails: true, taken: 2},
		"fails before the store":      {config: refusal{app: `"lease": "1ms"`}, fails: true},
		"fails at the store":          {config: refusal{app: `"store": {"store": "redis"}`}, fails: true},
		"fails at the keys":           {config: refusal{issuer: `"hmac_secret": ["short"]`}, fails: true, taken: 1},
		"fails at the verifier":       {config: refusal{issuer: jwks + `, "algorithms": ["none"]`}, fails: true, taken: 2},
		"fails at an issuer's key":    {config: refusal{issuer: jwks + `, "insecure_http": true, "jwks": "ftp://a"`}, fails: true, taken: 1},
		"fails at what is not a word": {config: refusal{app: `"readiness": "loose"`}, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			app, err := provisioned(t, test.config)
			if (err != nil) != test.fails {
				t.Errorf("Provision: %v", err)
			}
			if pooled() != test.taken {
				t.Errorf("%d references are taken, want %d", pooled(), test.taken)
			}
			for range 2 {
				if err := app.Cleanup(); err != nil {
					t.Errorf("Cleanup: %v", err)
				}
				if pooled() != 0 {
					t.Errorf("%d references are left in the pools", pooled())
				}
			}
		})
	}
}

// Two configurations with the same store share it, as in a reload. The end of the first
// must not close it for the second.
func TestConfigurationsShareTheirStoreAndKeys(t *testing.T) {
	config := refusal{issuer: `"hmac_secret": null, "jwks": "https://id.example.com/jwks.json"`}
	first, err := provisioned(t, config)
	if err != nil {
		t.Fatal(err)
	}
	second, err := provisioned(t, config)
	if err != nil {
		t.Fatal(err)
	}
	if first.hub != second.hub || first.keys[0].keys != second.keys[0].keys {
		t.Error("the second configuration has a store or keys of its own")
	}
	closed := func() bool { return errors.Is(second.hub.Status().Err, store.ErrClosed) }
	if err := first.Cleanup(); err != nil || pooled() != 2 || closed() {
		t.Errorf("after the first has gone: error %v, %d references, closed %t", err, pooled(), closed())
	}
	if err := second.Cleanup(); err != nil || pooled() != 0 || !closed() {
		t.Errorf("after both have gone: error %v, %d references, closed %t", err, pooled(), closed())
	}
}

// Every string of the configuration may come from the environment.
func TestStringsComeFromTheEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"SG_ACKNOWLEDGE": "store", "SG_POLICY": "allow", "SG_BOOTSTRAP": "auto", "SG_READINESS": "strict", "SG_LOG_REFUSALS": "off",
		"SG_ISSUER": "https://env.example", "SG_SECRET": refusalSecret, "SG_AUDIENCE": "env", "SG_ALGORITHM": "HS256", "SG_CLAIM": "sess", "SG_WITHOUT": "token",
	} {
		t.Setenv(name, value)
	}
	app, err := provisioned(t, refusal{
		app: `"acknowledge": "{env.SG_ACKNOWLEDGE}", "on_store_failure": "{env.SG_POLICY}", "max_staleness": "1m",
			"bootstrap": "{env.SG_BOOTSTRAP}", "readiness": "{env.SG_READINESS}", "log_refusals": "{env.SG_LOG_REFUSALS}"`,
		issuer: `"issuer": "{env.SG_ISSUER}", "hmac_secret": ["{env.SG_SECRET}"], "audience": ["{env.SG_AUDIENCE}"],
			"algorithms": ["{env.SG_ALGORITHM}"], "session_claim": "{env.SG_CLAIM}", "token_id_claim": "t{env.SG_CLAIM}",
			"subject_claim": ["u{env.SG_CLAIM}"], "require": [{"claim": "r{env.SG_CLAIM}", "values": ["v{env.SG_CLAIM}"]}],
			"without_session": "{env.SG_WITHOUT}"`,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer app.Cleanup()
	issuer := app.Issuer[0]
	got := []string{
		app.Acknowledge, app.OnStoreFailure, app.Bootstrap, app.Readiness, app.LogRefusals, issuer.Issuer, issuer.HMACSecret[0],
		issuer.Audience[0], issuer.Algorithms[0], issuer.SessionClaim[0], issuer.TokenIDClaim,
		issuer.SubjectClaim[0], issuer.Require[0].Claim, issuer.Require[0].Values[0], issuer.WithoutSession,
	}
	want := []string{"store", "allow", "auto", "strict", "off", "https://env.example", refusalSecret, "env", "HS256", "sess", "tsess", "usess", "rsess", "vsess", "token"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("resolved to %q, want %q", got, want)
	}
}
