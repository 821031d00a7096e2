package command

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"text/tabwriter"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
)

func checkCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "check [<token> | -] [--file <path>] [--json]",
		Short: "Explains how a gate decides about a token",
		Long: `
Asks a running gate how it would decide about a request with a token, and prints each
rule that it applies. The exit status is 0 if the gate would admit the request, 1 if it
would refuse it, and 2 if the gate could not be asked.

A token on the command line stays in the shell's history, and is in the list of
processes. Use "-", which reads the token from the standard input, or --file.
`,
		Example: "caddy session-gate check - --address unix//run/caddy/admin.sock < token",
		Args:    cobra.MaximumNArgs(1),
	}
	command.Flags().String("file", "", "The file with the token; - is the standard input")
	command.Flags().Bool("json", false, "Print the explanation as JSON")
	return gateCommand(command, notAsked, func(c client, fl caddycmd.Flags) error {
		raw, err := argumentToken(fl.Arg(0), fl.String("file"))
		if err != nil {
			return err
		}
		return c.check(os.Stdout, raw, fl.Bool("json"))
	})
}

// check asks how the gate decides about a token.
func (c client) check(w io.Writer, raw string, asJSON bool) error {
	body, err := c.ask(http.MethodPost, operator.PathCheck, map[string]string{"token": raw})
	var answer operator.Explanation
	if err == nil {
		answer, err = show(w, body, asJSON, describeExplanation)
	}
	switch {
	case err != nil:
		return exit{notAsked, err}
	case !answer.Admitted:
		return exit{failed, nil}
	}
	return nil
}

// describeExplanation writes the explanation for a person.
func describeExplanation(e operator.Explanation, w io.Writer) error {
	if e.Admitted {
		fmt.Fprint(w, "A request with this token is admitted.\n\n")
	} else {
		fmt.Fprintf(w, "A request with this token is answered %d (%s).\n\n", e.Status, e.Reason)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, step := range e.Steps {
		verdict := "ok"
		if !step.Passed {
			verdict = "NO"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", verdict, step.Step, step.Detail)
	}
	for _, r := range e.Revocations {
		fmt.Fprintf(table, "\n\trevoked\t%s: %s", describeRevocation(r), describeOrigin(r.Origin))
	}
	if len(e.Revocations) > 0 {
		fmt.Fprintln(table)
	}
	if c := e.Claims; c != nil {
		fmt.Fprintf(table, "\n\tissuer\t%s\n", c.Issuer)
		for _, id := range []struct{ name, text, key string }{
			{"subject", c.Subject, c.SubjectKey}, {"session", c.SessionID, c.SessionKey}, {"token id", c.TokenID, c.TokenKey},
		} {
			if id.text != "" {
				fmt.Fprintf(table, "\t%s\t%q, key %s\n", id.name, id.text, id.key)
			}
		}
		fmt.Fprintf(table, "\tissued\t%s\n\texpires\t%s\n", stamp(c.IssuedAt), stamp(c.ExpiresAt))
		fmt.Fprintf(table, "\n\tDELETE ends\t%s: %s.\n", e.Ends, e.EndsDetail)
	}
	return table.Flush()
}
