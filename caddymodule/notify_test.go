package caddymodule

import (
	"strings"
	"testing"
)

// Attack: a secret that is missing or short lets others sign messages. Plain http lets others
// read them. Errors name neither the secret nor the path of the URL.
func TestNotifyIsCheckedBeforeTheStart(t *testing.T) {
	const long = "canary-secret-of-the-hook-0123456789"
	t.Setenv("SG_HOOK_SECRET", "canary-short")
	t.Setenv("SG_HOOK_URL", "http://siem.example.com/canary")
	for notify, want := range map[string]string{
		`{"url": "https://siem.example.com/canary", "secret": ["{env.SG_HOOK_SECRET}"]}`:                     "notify: a secret of 12 bytes, want 32 or more",
		`{"url": "https://siem.example.com/canary", "secret": ["` + long + `", "{env.SG_HOOK_MISSING}"]}`:    "resolving the secret of notify: {env.SG_HOOK_MISSING} is missing or empty",
		`{"url": "https://siem.example.com/canary"}`:                                                         "notify: no secret to sign with",
		`{"url": "{env.SG_HOOK_URL}", "secret": ["` + long + `"]}`:                                           "notify: the URL of the receiver at siem.example.com is not https",
		`{"secret": ["` + long + `"]}`:                                                                       "notify: the URL of the receiver is not valid",
		`{"url": "https://siem.example.com/canary", "secret": ["` + long + `"]}`:                             "",
		`{"url": "http://127.0.0.1:1/canary", "secret": ["whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5"]}`: "",
	} {
		err := refusal{app: `"notify": ` + notify}.validate(t)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", notify, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary")):
			t.Errorf("%s: error %v, want %q", notify, err, want)
		}
	}
}
