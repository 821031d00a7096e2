package caddymodule_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

func init() {
	caddy.RegisterModule(captureWriter{})
}

// captureWriter is a log writer that keeps the log lines.
type captureWriter struct{}

var captured struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (captureWriter) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "caddy.logging.writers.session_gate_test",
		New: func() caddy.Module { return new(captureWriter) },
	}
}

func (captureWriter) String() string                      { return "test" }
func (captureWriter) WriterKey() string                   { return "session_gate_test" }
func (captureWriter) OpenWriter() (io.WriteCloser, error) { return captureWriter{}, nil }
func (captureWriter) Close() error                        { return nil }
func (captureWriter) Write(line []byte) (written int, _ error) {
	captured.mu.Lock()
	defer captured.mu.Unlock()
	return captured.text.Write(line)
}

// logged returns the lines that Caddy's own logger writes while do runs.
func logged(t *testing.T, do func()) string {
	t.Helper()
	setWriter := func(writer string) {
		if err := caddy.Validate(&caddy.Config{
			Admin: &caddy.AdminConfig{Disabled: true},
			Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{
				"default": {BaseLog: caddy.BaseLog{WriterRaw: json.RawMessage(`{"output": "` + writer + `"}`)}},
			}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	setWriter("session_gate_test")
	defer setWriter("stderr")
	captured.mu.Lock()
	captured.text.Reset()
	captured.mu.Unlock()
	do()
	captured.mu.Lock()
	defer captured.mu.Unlock()
	return captured.text.String()
}

const literalSecret = "0123456789-literal-secret-0123456789"

// Attack: a secret in the Caddyfile is also in the adapted JSON, in the answers of the
// admin API, and in the backups of all of them. And a matcher on the gate leaves requests
// unguarded that an upstream still answers.
func TestAdaptingWarns(t *testing.T) {
	for name, test := range map[string]struct{ block, lines, want string }{
		"of a literal secret": {
			"issuer", "hmac_secret {env.A} " + literalSecret,
			"Caddyfile:4: hmac_secret is written out in the configuration; use {file./run/secrets/…} or {env.…}",
		},
		"of a literal password": {
			"store redis", "password " + literalSecret,
			"Caddyfile:4: password is written out in the configuration; use {file./run/secrets/…} or {env.…}",
		},
		"of a password in an address": {
			"app", "store redis redis://gate:" + literalSecret + "@redis-0:6379",
			"Caddyfile:3: the password in an address of store redis is written out in the configuration",
		},
		"of a password in an address with a placeholder": {
			"app", "store redis redis://gate:" + literalSecret + "@{env.REDIS}:6379",
			"Caddyfile:3: the password in an address of store redis is written out in the configuration",
		},
		"of a password in an address that is no URL": {
			"app", "store redis gate:" + literalSecret + "@redis-0",
			"Caddyfile:3: the password in an address of store redis is written out in the configuration",
		},
		"of a size beyond Caddy's": {
			"app", "max_token_size 13KiB",
			"Caddyfile:3: a request with a token of max_token_size may be larger than Caddy's limit for the fields of a request, 16 KiB; raise it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			wantWarning(t, syntaxes[test.block].adaptError, test.lines, test.want)
		})
	}
	t.Run("of a matcher", func(t *testing.T) {
		adaptSite := func(line string) error {
			_, _, err := adapt(":8080 {\n\t@api path /api/*\n\t" + line + "\n}\n")
			return err
		}
		want := "Caddyfile:3: what the matcher of session_gate leaves out is neither guarded nor stripped of identity headers; use public"
		wantWarning(t, adaptSite, "session_gate /api/*", want)
		wantWarning(t, adaptSite, "session_gate @api {\nstrip_token\n}", "what the matcher of session_gate leaves out")
	})
	// A browser that opens a page sends no Authorization, however often it was at the login.
	t.Run("of a login without a cookie", func(t *testing.T) {
		adaptGate := func(lines string) error {
			_, _, err := adapt(":8080 {\n\tsession_gate {\nlogin_url https://id.example.com/login\n" + lines + "\n}\n}\n")
			return err
		}
		wantWarning(t, adaptGate, "", "login_url without token cookie is a loop, unless a proxy in front adds the token")
		wantWarning(t, adaptGate, "token header Authorization", "use token cookie <name>")
		if log := logged(t, func() { _ = adaptGate("token header Authorization\ntoken cookie session") }); log != "" {
			t.Errorf("with a cookie, adapting logs %q", log)
		}
	})
}

func wantWarning(t *testing.T, adaptError func(string) error, lines, want string) {
	t.Helper()
	log := logged(t, func() {
		if err := adaptError(lines); err != nil {
			t.Errorf("%q: %v", lines, err)
		}
	})
	if !strings.Contains(log, want) || !strings.Contains(log, "session_gate") || strings.Count(log, "\n") != 1 {
		t.Errorf("%q logged %q, want one line with %q", lines, log, want)
	}
	if strings.Contains(log, literalSecret) {
		t.Errorf("%q: the warning holds the secret", lines)
	}
}

func TestAdaptingPlaceholdersWarnsOfNothing(t *testing.T) {
	for block, lines := range map[string]string{
		"issuer":      "hmac_secret {env.A} {file./run/secrets/hmac}",
		"store redis": "password {file./run/secrets/redis}",
		"app":         "store redis redis://gate@redis-0:6379 redis://gate:{env.PASSWORD}@redis-1:6379 redis-2:6379 unix:///run/redis.sock\nmax_token_size 12288B",
		"gate":        "public /healthz",
	} {
		log := logged(t, func() {
			if err := syntaxes[block].adaptError(lines); err != nil {
				t.Errorf("%q: %v", lines, err)
			}
		})
		if log != "" {
			t.Errorf("%q logged %q", lines, log)
		}
	}
}
