package caddymodule

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// refusal is a configuration that must not be loaded. It changes members of the app, its
// one issuer and the gate in a valid configuration, and holds the text of the error.
type refusal struct {
	app, issuer, gate string // members of a JSON object; null removes a member
	want              string
}

const (
	refusalSecret = "0123456789-secret-of-the-issuer-0123456789"
	goodIssuer    = `{"issuer": "https://id.example.com", "audience": ["legacy-app"], "hmac_secret": ["` + refusalSecret + `"]}`
	goodGate      = `{"handler": "session_gate"}`
)

// patch sets members of a JSON object.
func patch(tb testing.TB, object, members string) json.RawMessage {
	tb.Helper()
	var patched, changes map[string]any
	for text, to := range map[string]*map[string]any{object: &patched, "{" + members + "}": &changes} {
		if err := json.Unmarshal([]byte(text), to); err != nil {
			tb.Fatalf("%s: %v", text, err)
		}
	}
	for name, value := range changes {
		patched[name] = value
		if value == nil {
			delete(patched, name)
		}
	}
	text, err := json.Marshal(patched)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// validate does the same as `caddy validate`: everything is provisioned, nothing is
// started, and everything is cleaned up.
func (c refusal) validate(tb testing.TB) error {
	tb.Helper()
	issuer := patch(tb, goodIssuer, c.issuer)
	app := patch(tb, fmt.Sprintf(`{"issuer": [%s], "store": {"store": "memory"}}`, issuer), c.app)
	http := fmt.Sprintf(`{"servers": {"test": {"listen": ["127.0.0.1:0"], "automatic_https": {"disable": true}, `+
		`"routes": [{"handle": [%s]}]}}}`, patch(tb, goodGate, c.gate))
	return validateApps(tb, caddy.ModuleMap{"session_gate": app, "http": json.RawMessage(http)})
}

func validateApps(tb testing.TB, apps caddy.ModuleMap) error {
	tb.Helper()
	return caddy.Validate(&caddy.Config{
		Admin: &caddy.AdminConfig{Disabled: true},
		Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{
			"default": {BaseLog: caddy.BaseLog{WriterRaw: json.RawMessage(`{"output": "discard"}`)}},
		}},
		StorageRaw: json.RawMessage(fmt.Sprintf(`{"module": "file_system", "root": %q}`, tb.TempDir())),
		AppsRaw:    apps,
	})
}

// pooled returns how many references the pools hold.
func pooled() (references int) {
	for _, pool := range []*caddy.UsagePool{hubPool, keyPool} {
		pool.Range(func(key, _ any) bool {
			n, _ := pool.References(key)
			references += n
			return true
		})
	}
	return references
}

// testRefusals checks that each configuration is refused. The error must say what to do and
// hold no secret, and nothing may stay in the pools.
func testRefusals(t *testing.T, refusals map[string]refusal) {
	t.Helper()
	before := pooled()
	for name, test := range refusals {
		t.Run(name, func(t *testing.T) {
			err := test.validate(t)
			if err == nil {
				t.Fatal("it was accepted")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error\n%v\nwant\n%s", err, test.want)
			}
			for _, secret := range []string{refusalSecret, "s3cret", "-----BEGIN"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error holds a secret: %v", err)
				}
			}
			if after := pooled(); after != before {
				t.Errorf("%d references are left in the pools", after-before)
			}
		})
	}
}

func TestTheGoodConfigurationIsAccepted(t *testing.T) {
	if err := (refusal{}).validate(t); err != nil {
		t.Fatal(err)
	}
	if pooled() != 0 {
		t.Errorf("%d references are left in the pools", pooled())
	}
}

// An unknown word would silently disable what the operator meant.
func TestAppRefuses(t *testing.T) {
	testRefusals(t, map[string]refusal{
		"no issuer":       {app: `"issuer": []`, want: "no issuer; name at least one whose tokens are accepted"},
		"a null issuer":   {app: `"issuer": [null]`, want: "no issuer; name at least one"},
		"an issuer twice": {app: `"issuer": [` + goodIssuer + `,` + goodIssuer + `]`, want: `issuer "https://id.example.com" given twice`},
		"an unknown word": {app: `"blockade": true`, want: `unknown field "blockade"`},
		"an unknown word of an issuer": {
			app: `"issuer": [{"issuer": "a", "jwk": "https://id.example.com"}]`, want: `unknown field "jwk"`,
		},
		"a short retention": {
			app:  `"retention": "1h", "max_token_lifetime": "2h"`,
			want: "retention 1h0m0s is shorter than max_token_lifetime 2h0m0s, so that a token could outlive its revocation; raise",
		},
		"a negative lifetime":  {app: `"max_token_lifetime": "-1h"`, want: "max_token_lifetime -1h0m0s is too short; at least 1s"},
		"a negative leeway":    {app: `"leeway": "-1s"`, want: "leeway -1s is out of range; 0s to 5m"},
		"a long leeway":        {app: `"leeway": "301s"`, want: "leeway 5m1s is out of range; 0s to 5m"},
		"a short lease":        {app: `"lease": "199ms"`, want: "lease 199ms is out of range; 200ms to 5m"},
		"a long lease":         {app: `"lease": "301s"`, want: "lease 5m1s is out of range; 200ms to 5m"},
		"tokens too long":      {app: `"max_token_size": 65537`, want: "max_token_size 65537 bytes is out of range; 1KiB to 64KiB"},
		"tokens of no size":    {app: `"max_token_size": 100`, want: "max_token_size 100 bytes is out of range; 1KiB to 64KiB"},
		"a small cache":        {app: `"token_cache": 1048575`, want: "token_cache 1048575 bytes is too small; at least 1MiB"},
		"allow for no time":    {app: `"on_store_failure": "allow"`, want: "is shorter than the lease of 3s; say for how long the gate may go on"},
		"allow for too short":  {app: `"on_store_failure": "allow", "max_staleness": "2s"`, want: "max_staleness of 2s is shorter than the lease of 3s"},
		"staleness with deny":  {app: `"max_staleness": "1m"`, want: "max_staleness goes with on_store_failure allow only"},
		"another policy":       {app: `"on_store_failure": "ignore", "max_staleness": "1m"`, want: `on_store_failure "ignore" is unknown; use one of: deny, allow`},
		"another acknowledge":  {app: `"acknowledge": "Fleet"`, want: `acknowledge "Fleet" is unknown; use one of: fleet, lease, store`},
		"another readiness":    {app: `"readiness": "loose"`, want: `readiness "loose" is unknown; use one of: lenient, strict`},
		"another sampling":     {app: `"log_refusals": "none"`, want: `log_refusals "none" is unknown; use one of: sampled, off, all`},
		"another bootstrap":    {app: `"bootstrap": "never"`, want: `bootstrap "never" is unknown; use one of: auto, manual`},
		"a word from nowhere":  {app: `"acknowledge": "{env.SESSION_GATE_NOT_SET}"`, want: "{env.SESSION_GATE_NOT_SET} is missing or empty"},
		"an unknown store":     {app: `"store": {"store": "paper"}`, want: "unknown module: session_gate.stores.paper"},
		"a store without kind": {app: `"store": {"path": "a"}`, want: "module name not specified with key 'store'"},
		"an unknown word of a store": {
			app: `"store": {"store": "bolt", "sync": false}`, want: `unknown field "sync"`,
		},
		"a path from nowhere": {
			app: `"store": {"store": "bolt", "path": "{file./nowhere/path}"}`, want: "{file./nowhere/path} is missing or empty",
		},
	})
}

// An operator who corrects one fault after the other must see the next fault, and not
// another one each time.
func TestTheFirstFaultIsTheSameEachTime(t *testing.T) {
	const nowhere = `["{env.SESSION_GATE_NOT_SET}"]`
	fields := []struct{ object, field string }{
		{"issuer", "hmac_secret"},
		{"issuer", "audience"},
		{"issuer", "logout_audience"},
		{"issuer", "algorithms"},
		{"gate", "public"},
		{"gate", "claims"},
		{"gate", "cors"},
		{"gate", "token_endpoint"},
	}
	for n, first := range fields {
		members := map[string][]string{}
		for _, field := range fields[n:] {
			members[field.object] = append(members[field.object], fmt.Sprintf("%q: %s", field.field, nowhere))
		}
		broken := refusal{issuer: strings.Join(members["issuer"], ","), gate: strings.Join(members["gate"], ",")}
		for range 10 {
			if err := broken.validate(t); err == nil || !strings.Contains(err.Error(), "resolving "+first.field) {
				t.Fatalf("error\n%v\nwant that of %s", err, first.field)
			}
		}
	}
}
