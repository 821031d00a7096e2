package command

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// mintOptions are the flags of `session-gate token`.
type mintOptions struct {
	issuer, audience, subject, session, secretFile string
	ttl                                            time.Duration
}

func tokenCommand() *cobra.Command {
	var o mintOptions
	command := localCommand(&cobra.Command{
		Use:   "token --issuer <iss> --hmac-secret-file <file> [flags]",
		Short: "Mints a development token",
		Long: `
Mints a token, signed with HS256 by the secret in a file, and prints it. It is for
development: a real issuer does not share its secret.

One line break at the end of the file is not part of the secret, as in {file.*}
placeholders.
`,
		Example: "caddy session-gate token --issuer https://id.example.com --audience legacy-app " +
			"--subject alice --hmac-secret-file secret",
	}, failed, func(caddycmd.Flags) error {
		minted, err := o.mint(time.Now())
		if err != nil {
			return err
		}
		fmt.Println(minted)
		return nil
	})
	flags := command.Flags()
	flags.StringVar(&o.issuer, "issuer", "", "The issuer (iss); required")
	flags.StringVar(&o.audience, "audience", "", "The audience (aud); none if empty")
	flags.StringVar(&o.subject, "subject", "dev", "The subject (sub); none if empty")
	flags.StringVar(&o.session, "session", "", "The session id (sid); a random one if empty")
	flags.DurationVar(&o.ttl, "ttl", time.Hour, "How long the token is good for")
	flags.StringVar(&o.secretFile, "hmac-secret-file", "", "The file with the secret, 32 bytes or more; required")
	return command
}

// mint returns a token with the claims of the flags, a new token id, and a new session
// if there is no --session.
func (o mintOptions) mint(now time.Time) (string, error) {
	switch {
	case o.issuer == "":
		return "", usage("minting token: no issuer; give --issuer")
	case o.secretFile == "":
		return "", usage("minting token: no secret; give --hmac-secret-file")
	case o.ttl < time.Second:
		return "", usage(fmt.Sprintf("minting token: ttl %v is too short; at least 1s", o.ttl))
	case o.subject != "" && !token.ValidID(o.subject):
		return "", usage(fmt.Sprintf("minting token: subject %q is not valid: want 1 to 1024 bytes, no control characters; give another --subject", o.subject))
	case o.session != "" && !token.ValidID(o.session):
		return "", usage(fmt.Sprintf("minting token: session %q is not valid: want 1 to 1024 bytes, no control characters; give another --session", o.session))
	}
	secret, err := os.ReadFile(o.secretFile)
	if err != nil {
		return "", fmt.Errorf("minting token: %w", err)
	}
	if o.session == "" {
		o.session = rand.Text()
	}
	claims := map[string]any{
		"iss": o.issuer,
		"sid": o.session,
		"jti": rand.Text(),
		"iat": now.Unix(),
		"exp": now.Add(o.ttl).Unix(),
	}
	if o.subject != "" {
		claims["sub"] = o.subject
	}
	if o.audience != "" {
		claims["aud"] = o.audience
	}
	secret = bytes.TrimSuffix(bytes.TrimSuffix(secret, []byte("\n")), []byte("\r"))
	return token.MintHMAC(secret, claims)
}
