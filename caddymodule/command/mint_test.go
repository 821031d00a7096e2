package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/config"
	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

const mintSecret = "0123456789abcdef0123456789abcdef"

// secretFile writes a secret to a file.
func secretFile(tb testing.TB, secret string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// verifyMinted verifies a minted token as a gate with the secret does.
func verifyMinted(tb testing.TB, minted string, now time.Time) (*token.Verified, error) {
	tb.Helper()
	source, err := keys.NewHMAC([]byte(mintSecret))
	if err != nil {
		tb.Fatal(err)
	}
	verifier, err := token.NewVerifier(token.Options{Namespace: "test", Issuers: []token.IssuerOptions{{
		Issuer: "https://id.example.com", Audiences: []string{"legacy-app"}, Keys: source,
	}}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(verifier.Close)
	return verifier.Verify(minted, now)
}

func TestMintedTokensAreAccepted(t *testing.T) {
	now := time.Now()
	full := mintOptions{
		issuer: "https://id.example.com", audience: "legacy-app", subject: "alice", session: "s-1", ttl: 10 * time.Minute,
		secretFile: secretFile(t, mintSecret),
	}
	minted, err := full.mint(now)
	if err != nil {
		t.Fatal(err)
	}
	v, err := verifyMinted(t, minted, now)
	if err != nil {
		t.Fatal(err)
	}
	if v.Issuer != full.issuer || v.Subject != "alice" || v.SessionID != "s-1" || v.TokenID == "" || v.IssuedAt != now.Unix() || v.ExpiresAt != now.Unix()+600 {
		t.Errorf("the token says issuer %q, subject %q, session %q, token %q, %d to %d", v.Issuer, v.Subject, v.SessionID, v.TokenID, v.IssuedAt, v.ExpiresAt)
	}
	if _, err := verifyMinted(t, minted, now.Add(10*time.Minute)); err == nil {
		t.Error("the token is valid after its expiry")
	}

	nameless := full
	nameless.session, nameless.subject = "", ""
	var sessions []string
	for range 2 {
		minted, err := nameless.mint(now)
		if err != nil {
			t.Fatal(err)
		}
		v, err := verifyMinted(t, minted, now)
		if err != nil {
			t.Fatal(err)
		}
		if v.Subject != "" || v.SessionID == "" || v.TokenID == "" || v.TokenID == v.SessionID {
			t.Errorf("without a name: subject %q, session %q, token %q", v.Subject, v.SessionID, v.TokenID)
		}
		sessions = append(sessions, v.SessionID)
	}
	if sessions[0] == sessions[1] {
		t.Error("two tokens share a session that nobody named")
	}
	other := full
	other.audience = ""
	if minted, err = other.mint(now); err != nil {
		t.Fatal(err)
	}
	if _, err := verifyMinted(t, minted, now); err == nil {
		t.Error("a token without an audience is accepted")
	}
}

// A secret file is read like the placeholder {file.…}: one line break at the end is the
// editor's, and everything else is the secret.
func TestTheSecretFileIsReadAsThePlaceholderIs(t *testing.T) {
	now := time.Now()
	for text, same := range map[string]bool{
		mintSecret: true, mintSecret + "\n": true, mintSecret + "\r\n": true,
		mintSecret + "\n\n": false, mintSecret + " ": false, " " + mintSecret: false, "\n" + mintSecret: false,
	} {
		file := secretFile(t, text)
		minted, err := mintOptions{
			issuer: "https://id.example.com", audience: "legacy-app", subject: "alice", ttl: time.Minute, secretFile: file,
		}.mint(now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verifyMinted(t, minted, now); (err == nil) != same {
			t.Errorf("%q: error %v", text, err)
		}
		placeholder := "{file." + file + "}"
		if err := config.Resolve("secret", &placeholder); err != nil || (placeholder == mintSecret) != same {
			t.Errorf("%q: the placeholder gives %q, error %v", text, placeholder, err)
		}
	}
}

func TestMintRefuses(t *testing.T) {
	good := mintOptions{issuer: "https://id.example.com", subject: "alice", ttl: time.Minute, secretFile: secretFile(t, mintSecret)}
	for want, change := range map[string]func(*mintOptions){
		"no issuer; give --issuer":                        func(o *mintOptions) { o.issuer = "" },
		"no secret; give --hmac-secret-file":              func(o *mintOptions) { o.secretFile = "" },
		"no such file":                                    func(o *mintOptions) { o.secretFile += "x" },
		"ttl 999ms is too short; at least 1s":             func(o *mintOptions) { o.ttl = 999 * time.Millisecond },
		"ttl -1h0m0s is too short":                        func(o *mintOptions) { o.ttl = -time.Hour },
		"secret of 31 bytes, want 32 or more":             func(o *mintOptions) { o.secretFile = secretFile(t, mintSecret[:31]+"\n") },
		"secret of 0 bytes, want 32 or more":              func(o *mintOptions) { o.secretFile = secretFile(t, "") },
		"session \"a\\nb\" is not valid: want 1 to 1024":  func(o *mintOptions) { o.session = "a\nb" },
		"subject \"a\\x00\" is not valid: want 1 to 1024": func(o *mintOptions) { o.subject = "a\x00" },
	} {
		o := good
		change(&o)
		minted, err := o.mint(time.Now())
		if err == nil || !strings.HasPrefix(err.Error(), "minting token: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("minted %q, error %v, want %s", minted, err, want)
		}
		if err != nil && strings.Contains(err.Error(), mintSecret[:31]) {
			t.Errorf("the error holds the secret: %v", err)
		}
	}
}

func TestTheTokenCommand(t *testing.T) {
	file := secretFile(t, mintSecret+"\n")
	printed, err := sessionGate(t, "token", "--issuer", "https://id.example.com", "--audience", "legacy-app", "--hmac-secret-file", file)
	if err != nil {
		t.Fatal(err)
	}
	minted, oneLine := strings.CutSuffix(printed, "\n")
	if !oneLine || strings.ContainsAny(minted, " \n") {
		t.Fatalf("printed %q, want one line", printed)
	}
	v, err := verifyMinted(t, minted, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if v.Subject != "dev" || v.ExpiresAt-v.IssuedAt != 3600 {
		t.Errorf("by default the subject is %q and the lifetime %ds, want dev and an hour", v.Subject, v.ExpiresAt-v.IssuedAt)
	}
	printed, err = sessionGate(t, "token", "--issuer", "https://id.example.com", "--audience", "legacy-app", "--hmac-secret-file", file,
		"--subject", "bob", "--session", "s-9", "--ttl", "90s")
	if err != nil {
		t.Fatal(err)
	}
	if v, err = verifyMinted(t, strings.TrimSpace(printed), time.Now()); err != nil {
		t.Fatal(err)
	}
	if v.Subject != "bob" || v.SessionID != "s-9" || v.ExpiresAt-v.IssuedAt != 90 {
		t.Errorf("the flags gave %q, %q, %ds", v.Subject, v.SessionID, v.ExpiresAt-v.IssuedAt)
	}
}
