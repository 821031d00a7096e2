package logs

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// Attack: read the error of a gate that does not start, in the logs of a deployment or of a
// build, to get secrets that were written wrongly, or in the wrong place.
func TestRefusedConfigurationsShowNoSecret(t *testing.T) {
	t.Parallel()
	const canary = "canary-5ecret-0123456789-0123456789"
	key := "-----BEGIN PRIVATE KEY-----\n" + canary + "\n-----END PRIVATE KEY-----"
	issuer := func(line string) harness.Config {
		return harness.Config{Issuers: "issuer https://id.example.com {\naudience a\n" + line + "\n}"}
	}
	redis := func(address, words string) harness.Config {
		return harness.Config{Store: "store redis " + address + " {\n" + words + "\n}"}
	}
	for name, test := range map[string]struct {
		config harness.Config
		says   string
	}{
		"a short secret":              {issuer("hmac_secret " + harness.SecretFile(t, canary[:20])), "20 bytes, want 32 or more"},
		"a key for a secret":          {issuer("hmac_secret " + harness.SecretFile(t, key)), "it is a PEM file"},
		"braces in a secret":          {issuer("hmac_secret {" + canary + "}"), "a placeholder in it is unknown"},
		"two secrets too many":        {issuer("hmac_secret a b " + canary), "3 secrets"},
		"a secret for a key":          {issuer("public_key " + harness.SecretFile(t, canary)), "write X alone"},
		"a secret file for a key":     {issuer("public_key " + strings.Trim(strings.TrimPrefix(harness.SecretFile(t, canary), "{file."), "}")), "no block found"},
		"a private key for a key":     {issuer("public_key " + strings.Trim(strings.TrimPrefix(harness.SecretFile(t, key), "{file."), "}")), "decoding PEM"},
		"a user in a key set's URL":   {issuer("jwks https://" + canary + "@id.example.com/jwks.json"), "a user or a password"},
		"a plain key set's query":     {issuer("jwks http://id.example.com/jwks.json?api_key=" + canary), "insecure_http"},
		"an address without a scheme": {redis("gate:"+canary+"@redis-0", ""), "its port is not"},
		"a slash in a password":       {redis("redis://gate:1/"+canary+"@redis-0", ""), "its database is not a number"},
		"a broken address":            {redis("redis://gate:%zz"+canary+"@redis-0", ""), "not a URL"},
		"two passwords":               {redis("redis://:"+canary+"@redis-0", "password other"), "the password differs"},
		"two words for a password":    {redis("redis-0", "password "+canary+" x"), "2 values, want one"},
		"a key for its file's name":   {redis("redis-0", "tls {\ncert c.pem\nkey "+harness.SecretFile(t, key)+"\n}"), "write X alone"},
	} {
		t.Run(name, func(t *testing.T) {
			g := harness.Prepare(t, test.config)
			outcome := g.Command(t, "validate")
			if outcome.Code == 0 {
				t.Error("it was accepted")
			}
			checkWithout(t, canaries{"secret": canary[:20], "key": "-----BEGIN"}, "what is said", outcome.Output, test.says)
		})
	}
}

// The command prints a token on stdout only, and never a secret.
func TestTheTokenCommandShowsNoSecret(t *testing.T) {
	t.Parallel()
	const canary = "canary-5ecret-0123456789-0123456789"
	mint := func(secret string) (stdout, stderr string) {
		t.Helper()
		file := strings.Trim(strings.TrimPrefix(harness.SecretFile(t, secret), "{file."), "}")
		var out, complaint strings.Builder
		command := exec.Command(harness.Binary(t), "session-gate", "token", "--issuer", "https://id.example.com", "--hmac-secret-file", file)
		command.Stdout, command.Stderr = &out, &complaint
		_ = command.Run() // the second one is refused
		return out.String(), complaint.String()
	}
	stdout, stderr := mint(canary)
	if strings.Count(stdout, ".") != 2 || strings.Contains(stderr, ".") {
		t.Errorf("printed %q, and beside it %q", stdout, stderr)
	}
	refused, why := mint(canary[:20])
	checkWithout(t, canaries{"secret": canary[:20]}, "what is said", stdout+stderr+refused+why, "20 bytes, want 32 or more")
}
