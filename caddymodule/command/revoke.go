package command

import (
	"fmt"
	"io"
	"net/http"
	"os"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
)

func revokeCommand() *cobra.Command {
	var request operator.RevokeRequest
	var tokenFile, before string
	command := &cobra.Command{
		Use:   "revoke [--issuer <iss>] (--session <sid> | --token <jti> | --token-file <path> | --subject <sub> | --issuer-before) [flags]",
		Short: "Revokes a session, a token, or all tokens of a subject or an issuer",
		Long: `
Revokes at a running gate, and prints a receipt once no gate of the fleet admits a
request that starts later. The receipt says when each gate had the revocation, or that
a lease had to pass because a gate is frozen or cut off.

	--session        one session, by its id
	--token          one token, by its id (jti); "-" reads it from the standard input
	--token-file     a whole token, or an id, from a file; the session of a whole
	                 token is revoked, too
	--subject        all tokens that were issued to a subject up to --before
	--issuer-before  all tokens that the issuer issued up to --before: all users of
	                 that issuer have to log in again

--before is an instant in RFC 3339 or in Unix seconds; the default is now. The command
ends when that second is over, so a login right afterwards works.

A session, or a subject, that no gate has seen is not revoked: its name may be mistyped.
--unseen revokes it all the same. Gates remember a session for max_token_lifetime after
they saw it last, and the fleet knows a new one after a second. Tokens that name no
session are not remembered, so a subject that has no others needs --unseen. A whole token
never does.

The exit status is 0 if the revocation holds everywhere, 2 if the gate could not be
asked, and 1 otherwise. If no gate has seen it, nothing was done. Else the gate that was
asked refuses the session, and retries until the store has the revocation, unless the
error says that nothing was done, for example because the store is not open. The same
command is safe to repeat.
`,
		Example: "caddy session-gate revoke --subject alice --reason 'lost laptop' --address unix//run/caddy/admin.sock",
		Args:    cobra.NoArgs,
	}
	flags := command.Flags()
	flags.StringVar(&request.Issuer, "issuer", "", "The issuer (iss); may be left out if there is only one")
	flags.StringVar(&request.Session, "session", "", "The session id (sid)")
	flags.StringVar(&request.Token, "token", "", "The token id (jti); - reads it, or a whole token, from the standard input")
	flags.StringVar(&tokenFile, "token-file", "", "The file with a whole token, or with a token id; - is the standard input")
	flags.StringVar(&request.Subject, "subject", "", "The subject (sub) whose tokens, issued up to --before, are revoked")
	flags.BoolVar(&request.IssuerBefore, "issuer-before", false, "Revoke all tokens that the issuer issued up to --before")
	flags.StringVar(&before, "before", "", "The instant, in RFC 3339 or Unix seconds; now if left out")
	flags.StringVar(&request.ExceptSession, "except-session", "", "A session that --subject or --issuer-before leaves alone")
	flags.BoolVar(&request.Unseen, "unseen", false, "Revoke a session or a subject that no gate has seen, too")
	flags.StringVar(&request.Reason, "reason", "", "The reason, for the gate's log and for events")
	flags.Bool("json", false, "Print the receipt as JSON")
	return gateCommand(command, failed, func(c client, fl caddycmd.Flags) error {
		if err := complete(&request, tokenFile, before); err != nil {
			return err
		}
		return c.revoke(os.Stdout, request, fl.Bool("json"))
	})
}

// complete adds to the request the flags that are not sent as they are.
func complete(request *operator.RevokeRequest, tokenFile, before string) (err error) {
	read := tokenFile != "" || request.Token == "-"
	switch {
	case tokenFile != "" && request.Token != "":
		return usage("reading the token: there are two; give --token or --token-file, not both")
	case request.Token == "-":
		request.Token, err = tokenFrom("-")
	case tokenFile != "":
		request.Token, err = tokenFrom(tokenFile)
	default:
		request.Token = bareToken(request.Token)
	}
	switch {
	case err != nil:
		return err
	case read && request.Token == "":
		return usage("reading the token: the file, or the standard input, is empty; give the token there, or its id with --token")
	case before == "":
		return nil
	}
	if request.Before, err = operator.ParseBefore(before); err != nil {
		return exit{notAsked, fmt.Errorf("reading --before: %w; give it in RFC 3339 or in Unix seconds", err)}
	}
	return nil
}

// revoke asks a gate to revoke, and writes the receipt.
func (c client) revoke(w io.Writer, request operator.RevokeRequest, asJSON bool) error {
	state, _, err := c.state()
	if err != nil {
		return err
	}
	body, err := c(state.RevokeTimeout()+adminTimeout, http.MethodPost, operator.PathRevocations, request)
	if err != nil {
		return err
	}
	_, err = show(w, body, asJSON, describeReceipt)
	return err
}
