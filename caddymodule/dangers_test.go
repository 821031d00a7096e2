package caddymodule_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// dangerSite is a whole configuration with one issuer, whose gate comes first.
const (
	dangerSite = `{
	session_gate {
		issuer https://id.example.com {
			public_key keys.pem
			%s
		}
	}
}

:8080 {
	%s
}
`
	plainIssuer = "audience legacy-app"
	plainSite   = "session_gate\nreverse_proxy 127.0.0.1:3000"
)

// starts adapts a Caddyfile and runs it, on free ports and a new store. Key sets come from
// nowhere. It returns the warnings of session_gate.
func starts(t *testing.T, caddyfile string) (warnings []string) {
	t.Helper()
	var config map[string]any
	said := logged(t, func() {
		adapted, _, err := adapt(caddyfile)
		if err != nil {
			t.Fatalf("adapting\n%s\n%v", caddyfile, err)
		}
		if err := json.Unmarshal(adapted, &config); err != nil {
			t.Fatal(err)
		}
	})
	localize(config, t.TempDir())
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	captured.mu.Lock()
	captured.text.Reset()
	captured.mu.Unlock()
	if err := caddy.Load(text, true); err != nil {
		t.Errorf("starting\n%s\n%v", caddyfile, err)
	}
	if err := caddy.Stop(); err != nil {
		t.Error(err)
	}
	captured.mu.Lock()
	defer captured.mu.Unlock()
	for line := range bytes.Lines([]byte(said + captured.text.String())) {
		var entry struct{ Level, Logger, Msg string }
		if json.Unmarshal(line, &entry) != nil || !strings.Contains(entry.Logger, "session_gate") || entry.Level == "info" {
			continue
		}
		if entry.Msg != "fetching key set failed" {
			warnings = append(warnings, entry.Msg)
		}
	}
	slices.Sort(warnings)
	return warnings
}

// localize makes an adapted configuration start on every machine.
func localize(config map[string]any, dir string) {
	config["admin"] = map[string]any{"disabled": true, "config": map[string]any{"persist": false}}
	config["storage"] = map[string]any{"module": "file_system", "root": dir}
	config["logging"] = map[string]any{"logs": map[string]any{"default": map[string]any{"writer": map[string]any{"output": "session_gate_test"}}}}
	apps := config["apps"].(map[string]any)
	delete(apps, "tls")
	if http, ok := apps["http"].(map[string]any); ok {
		servers := http["servers"].(map[string]any)
		for n, name := range slices.Sorted(maps.Keys(servers)) {
			server := servers[name].(map[string]any)
			server["listen"], server["protocols"] = []string{fmt.Sprintf("127.0.0.%d:0", n+1)}, []string{"h1"}
			server["automatic_https"] = map[string]any{"disable": true}
			delete(server, "tls_connection_policies")
			delete(server, "logs")
		}
	}
	app, ok := apps["session_gate"].(map[string]any)
	if !ok {
		return
	}
	app["store"] = map[string]any{"store": "bolt", "path": filepath.Join(dir, "revocations.db")}
	for _, issuer := range app["issuer"].([]any) {
		issuer := issuer.(map[string]any)
		delete(issuer, "tls_ca")
		if issuer["jwks"] != nil || issuer["discover"] != nil {
			delete(issuer, "discover")
			issuer["jwks"] = "http://127.0.0.1:1/jwks.json"
		}
	}
}

// Each of these is accepted, and lets in more than an operator may think.
func TestDangerousSettingsAreNamed(t *testing.T) {
	const (
		open   = "public /* makes every path public"
		anyAud = "any_audience also accepts tokens that the issuer makes for other services"
		late   = "a reverse_proxy comes before session_gate"
		beside = "hmac_secret stands beside public keys"
		shares = "an issuer with hmac_secret has an audience of an issuer with public keys"
		none   = "session_gate is in the global options, and no site has the handler session_gate"
		brace  = "the name of an issuer holds a brace"
	)
	second := func(audience string) string {
		return "audience legacy-app\n}\nissuer https://dev.example.com {\nhmac_secret {env.SG_SECRET}\naudience " + audience
	}
	for name, c := range map[string]struct{ issuer, site, want string }{
		"nothing":                       {plainIssuer, plainSite, ""},
		"public /*":                     {plainIssuer, "session_gate {\npublic /healthz {env.SG_ALL}\n}", open},
		"public paths":                  {plainIssuer, "session_gate {\npublic /healthz /assets/*\n}", ""},
		"any_audience":                  {"any_audience", plainSite, anyAud},
		"any_audience, two sites":       {"any_audience", plainSite + "\n}\n:8081 {\n" + plainSite, anyAud},
		"any_audience, and require":     {"any_audience\nrequire client_id a", plainSite, ""},
		"any_audience, and a site's":    {"any_audience", "session_gate {\naudience a\n}", ""},
		"hmac_secret and public_key":    {plainIssuer + "\nhmac_secret {env.SG_SECRET}", plainSite, beside},
		"hmac_secret of an own issuer":  {second("dev"), plainSite, ""},
		"hmac_secret of another issuer": {second("dev legacy-app"), plainSite, shares},
		"no site":                       {plainIssuer, "reverse_proxy 127.0.0.1:3000", none},

		"route, proxy first":            {plainIssuer, "route {\nreverse_proxy 127.0.0.1:3000\nsession_gate\n}", late},
		"route, proxy of a path first":  {plainIssuer, "route {\nreverse_proxy /api/* 127.0.0.1:3000\nsession_gate\nreverse_proxy 127.0.0.1:3000\n}", late},
		"route, gate first":             {plainIssuer, "route {\nsession_gate\nreverse_proxy /api/* 127.0.0.1:3000\nreverse_proxy 127.0.0.1:3000\n}", ""},
		"forward_auth first":            {plainIssuer, "route {\nforward_auth 127.0.0.1:3000 {\nuri /auth\n}\nsession_gate\nreverse_proxy 127.0.0.1:3000\n}", ""},
		"a handle of its own":           {plainIssuer, "handle /open/* {\nreverse_proxy 127.0.0.1:3000\n}\nhandle {\n" + plainSite + "\n}", ""},
		"a proxy in a handle before it": {plainIssuer, "route {\nhandle /open/* {\nreverse_proxy 127.0.0.1:3000\n}\n" + plainSite + "\n}", late},
		"another site":                  {plainIssuer, "reverse_proxy 127.0.0.1:3000\n}\nhttp://a.example.com:8080 {\n" + plainSite, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			writeKeys(t)
			got := starts(t, fmt.Sprintf(dangerSite, c.issuer, c.site))
			checkWarnings(t, got, c.want)
		})
	}
	for name, c := range map[string]struct{ order, want string }{
		"after":  {"order session_gate after reverse_proxy", late},
		"before": {"order session_gate before reverse_proxy", ""},
	} {
		t.Run("order "+name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			writeKeys(t)
			text := fmt.Sprintf(dangerSite, plainIssuer, "reverse_proxy /api/* 127.0.0.1:3000\n"+plainSite)
			checkWarnings(t, starts(t, strings.Replace(text, "{\n", "{\n\t"+c.order+"\n", 1)), c.want)
		})
	}
	t.Run("a brace", func(t *testing.T) {
		t.Chdir(t.TempDir())
		writeKeys(t)
		text := fmt.Sprintf(dangerSite, plainIssuer, plainSite)
		checkWarnings(t, starts(t, strings.Replace(text, "id.example.com", `id.example.com/\{tenant\}`, 1)), brace)
	})
}

// checkWarnings wants exactly one warning with this text, or none for "".
func checkWarnings(t *testing.T, got []string, want string) {
	t.Helper()
	switch {
	case want == "" && len(got) > 0:
		t.Errorf("it warns: %q", got)
	case want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], want)):
		t.Errorf("it warns %q, want one warning %q", got, want)
	}
}
