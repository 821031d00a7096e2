package operator

import (
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// Adapting a Caddyfile warns about settings that are allowed and still dangerous.
func TestAdaptingWarns(t *testing.T) {
	t.Parallel()
	literal := "issuer https://id.example.com {\nhmac_secret 0123456789012345678901234567890123456789\naudience a\n}"
	for name, c := range map[string]struct {
		config harness.Config
		want   string
	}{
		"of a matcher, which leaves requests unguarded": {
			harness.Config{Routes: "session_gate /private/*\nreverse_proxy {$UPSTREAM}"},
			"what the matcher of session_gate leaves out is neither guarded nor stripped",
		},
		"of a named matcher": {
			harness.Config{Routes: "@get method GET\nsession_gate @get\nreverse_proxy {$UPSTREAM}"},
			"what the matcher of session_gate leaves out is neither guarded nor stripped",
		},
		"of a secret that is written out": {
			harness.Config{Issuers: literal}, "hmac_secret is written out in the configuration",
		},
		"of a password that is written out": {
			harness.Config{Store: "store redis 127.0.0.1:1 {\npassword hunter2\n}", Unready: true},
			"password is written out in the configuration",
		},
	} {
		t.Run(name, func(t *testing.T) {
			stderr := harness.Start(t, c.config).Adapt()
			if !strings.Contains(stderr, c.want) {
				t.Errorf("stderr is %q, want a warning that %q", stderr, c.want)
			}
			if strings.Contains(stderr, "hunter2") || strings.Contains(stderr, "0123456789") {
				t.Errorf("stderr shows the secret: %q", stderr)
			}
		})
	}
	t.Run("of nothing where nothing is wrong", func(t *testing.T) {
		if stderr := harness.Start(t, harness.Config{}).Adapt(); strings.Contains(stderr, "session_gate") {
			t.Errorf("stderr is %q", stderr)
		}
	})
}
