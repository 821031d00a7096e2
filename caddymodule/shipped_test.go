package caddymodule_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// writeKeys writes the files that the configurations of these tests name into the current
// directory, and sets their variables.
func writeKeys(t *testing.T) {
	t.Helper()
	public := string(tokentest.NewKey(t, "RS256", "").PublicPEM(t))
	for name, content := range map[string]string{
		"keys.pem": public, "oauth-public.key": public, "hmac": strings.Repeat("s", 32), "hmac.next": strings.Repeat("n", 32), "hook": strings.Repeat("s", 32),
		"redis": "password", ".dev/hmac_secret": strings.Repeat("s", 32),
		// The public key of RFC 7517, appendix A.1.
		"jwks.json": `{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"sig","kid":"1"}]}`,
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SG_SECRET", strings.Repeat("s", 32))
	t.Setenv("SG_ALL", "/*")
}

var (
	fenced = regexp.MustCompile("(?ms)^```caddyfile\n(.*?)^```$")
	mapped = regexp.MustCompile(`(?m)^  Caddyfile: \|\n((?:    .*\n|\n)+)`)
	indent = regexp.MustCompile(`(?m)^    `)
	hidden = regexp.MustCompile(`(?m)^\s*token (header (X-|Cf-)|query|websocket_protocol)`)
)

// shipped returns the Caddyfiles of the repository: those that are shipped, and the examples.
func shipped(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	found["Caddyfile"] = read("../Caddyfile")
	for _, text := range mapped.FindAllStringSubmatch(read("../deploy/kubernetes/sidecar.yaml"), -1) {
		found["sidecar.yaml"] = indent.ReplaceAllString(text[1], "")
	}
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../README.md") {
		for n, block := range fenced.FindAllStringSubmatch(read(page), -1) {
			if !strings.Contains(block[1], "on session_revoked exec") { // its handler is not built in
				found[fmt.Sprintf("%s, block %d", filepath.Base(page), n+1)] = block[1]
			}
		}
	}
	if len(found) < 40 || found["sidecar.yaml"] == "" {
		t.Fatalf("found %d Caddyfiles", len(found))
	}
	return found
}

// A warning that is not true makes people overlook the others. The shipped configurations and
// the examples start without one, except where the example says why.
func TestShippedConfigurationsWarnOfNothing(t *testing.T) {
	for name, text := range shipped(t) {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			writeKeys(t)
			text := strings.ReplaceAll(text, "/run/secrets", ".")
			if !strings.Contains(text, "reverse_proxy") {
				text += "\n:8080 {\n\tsession_gate\n\treverse_proxy 127.0.0.1:3000\n}\n"
			}
			want := ""
			switch {
			case strings.Contains(text, "kratos"), strings.Contains(text, "workos"):
				want = "any_audience also accepts tokens"
			case strings.Contains(text, "supabase"):
				want = "hmac_secret stands beside public keys"
			case hidden.MatchString(text): // the token is where Caddy's logs show it
				want = "Caddy's logs show"
			}
			checkWarnings(t, starts(t, text), want)
		})
	}
}
