package command

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
)

// revokeWords are the flags of `session-gate revoke`, and the body of the call.
type revokeWords struct {
	Issuer        string `json:"issuer,omitempty"`
	Session       string `json:"session,omitempty"`
	Token         string `json:"token,omitempty"`
	Subject       string `json:"subject,omitempty"`
	IssuerBefore  bool   `json:"issuer_before,omitempty"`
	Before        any    `json:"before,omitempty"`
	ExceptSession string `json:"except_session,omitempty"`
	Reason        string `json:"reason,omitempty"`
}

func revokeCommand() *cobra.Command {
	var words revokeWords
	var tokenFile, before string
	command := &cobra.Command{
		Use:   "revoke [--issuer <iss>] (--session <sid> | --token <jti> | --token-file <path> | --subject <sub> | --issuer-before) [flags]",
		Short: "Revokes a session, a token, or all that a subject or an issuer was given",
		Long: `
Revokes at a running gate, and prints a receipt once no gate of the fleet admits a
request that starts later: which gates had it after how long, or that a lease had
to pass for one that is frozen or cut off.

	--session        one session, by its id
	--token          one token, by its id (jti); "-" reads it from the standard input
	--token-file     a whole token, or an id, from a file; of a whole token, its
	                 session is revoked, too
	--subject        all that was issued to a subject up to --before
	--issuer-before  all that the issuer issued up to --before: everybody of that
	                 issuer has to log in again

--before is an instant as RFC 3339 writes it, or in Unix seconds; the default is
now. The command ends when its second is over, so that a login right afterwards
works.

The exit status is 0 if the revocation holds everywhere. If it is not, the
revocation holds at the gate that was asked, and is offered to the store until
the store takes it, unless the error says that nothing was done, as when the
store is not open; the same command is safe to repeat.
`,
		Example: "caddy session-gate revoke --subject alice --reason 'lost laptop' --address unix//run/caddy/admin.sock",
		Args:    cobra.NoArgs,
	}
	flags := command.Flags()
	flags.StringVar(&words.Issuer, "issuer", "", "The issuer (iss); may be left out where there is only one")
	flags.StringVar(&words.Session, "session", "", "The session id (sid)")
	flags.StringVar(&words.Token, "token", "", "The token id (jti); - reads it, or a whole token, from the standard input")
	flags.StringVar(&tokenFile, "token-file", "", "The file with a whole token, or with a token id; - is the standard input")
	flags.StringVar(&words.Subject, "subject", "", "The subject (sub), of which all that was issued up to --before is revoked")
	flags.BoolVar(&words.IssuerBefore, "issuer-before", false, "Revoke all that the issuer issued up to --before")
	flags.StringVar(&before, "before", "", "The instant, in RFC 3339 or Unix seconds; now if empty")
	flags.StringVar(&words.ExceptSession, "except-session", "", "A session that --subject or --issuer-before leaves alone")
	flags.StringVar(&words.Reason, "reason", "", "Why, for the gate's log and for events")
	flags.Bool("json", false, "Print the receipt as JSON")
	return gateCommand(command, 1, func(c client, fl caddycmd.Flags) error {
		if err := words.complete(tokenFile, before); err != nil {
			return err
		}
		return c.revoke(os.Stdout, words, fl.Bool("json"))
	})
}

// complete reads what is not on the command line.
func (words *revokeWords) complete(tokenFile, before string) (err error) {
	read := tokenFile != "" || words.Token == "-"
	switch {
	case tokenFile != "" && words.Token != "":
		return errors.New("reading the token: give --token or --token-file, not both")
	case words.Token == "-":
		words.Token, err = tokenFrom("-")
	case tokenFile != "":
		words.Token, err = tokenFrom(tokenFile)
	default:
		words.Token = bareToken(words.Token)
	}
	switch {
	case err != nil:
		return err
	case read && words.Token == "":
		return errors.New("reading the token: the file, or the standard input, is empty")
	}
	if before != "" {
		words.Before = before
		if seconds, err := strconv.ParseInt(before, 10, 64); err == nil {
			words.Before = seconds
		}
	}
	return nil
}

// revoke asks a gate to revoke, and writes the receipt.
func (c client) revoke(w io.Writer, words revokeWords, asJSON bool) error {
	state, _, err := c.state()
	if err != nil {
		return err
	}
	body, err := c(state.RevokeTimeout()+adminTimeout, http.MethodPost, operator.PathRevocations, words)
	if err != nil {
		return err
	}
	_, err = show(w, body, asJSON, describeReceipt)
	return err
}
