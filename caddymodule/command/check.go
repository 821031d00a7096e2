package command

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"text/tabwriter"
	"time"

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
rule that it applies, with the values that it expected and found. If the token is
revoked, it says since when, by what and why. It also says whether sites with rules of
their own would admit the token.

The exit status is 0 if the gate would admit the request, 1 if it would refuse it, and 2
if the gate could not be asked. It is about a site without rules of its own.

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
		describeStep(table, verdict(step.Passed), step)
	}
	for _, site := range e.Sites {
		text := "admits it"
		if !site.Passed {
			text = "refuses it with 401"
		}
		fmt.Fprintf(table, "%s\tsite\ta site with %s %s\n", verdict(site.Passed), site.Rules, text)
	}
	for _, r := range e.Revocations {
		fmt.Fprintf(table, "\n\trevoked\t%s: %s", describeRevocation(r), describeOrigin(r.Origin))
	}
	if len(e.Revocations) > 0 {
		fmt.Fprintln(table)
	}
	if c := e.Claims; c != nil {
		describeClaims(table, c)
	}
	if u := e.Unverified; u != nil {
		fmt.Fprint(table, "\nUnverified claims, which anybody may have written:\n")
		describeIDs(table, [][3]string{{"issuer", u.Issuer}, {"subject", u.Subject}, {"session", u.SessionID}, {"token id", u.TokenID}})
		describeTimes(table, u.IssuedAt, u.ExpiresAt)
	}
	if e.Ends != "" {
		fmt.Fprintf(table, "\n\tDELETE ends\t%s: %s.\n", e.Ends, e.EndsDetail)
	}
	return table.Flush()
}

func verdict(passed bool) string {
	if passed {
		return "ok"
	}
	return "NO"
}

// describeStep writes a rule, and below it what was compared.
func describeStep(w io.Writer, verdict string, step operator.Step) {
	fmt.Fprintf(w, "%s\t%s\t%s\n", verdict, step.Step, step.Detail)
	if step.Expected != "" {
		fmt.Fprintf(w, "\t\texpected: %s\n", step.Expected)
	}
	if step.Found != "" {
		fmt.Fprintf(w, "\t\tfound: %s\n", step.Found)
	}
}

// describeClaims writes the claims of a token that one of the issuers has signed.
func describeClaims(w io.Writer, c *operator.Claims) {
	fmt.Fprintf(w, "\n\tissuer\t%s\n", c.Issuer)
	describeIDs(w, [][3]string{{"subject", c.Subject, c.SubjectKey}, {"session", c.SessionID, c.SessionKey}, {"token id", c.TokenID, c.TokenKey}})
	describeTimes(w, c.IssuedAt, c.ExpiresAt)
}

// describeIDs writes names, texts and the prefixes of their keys, without those that are
// empty. A text may be written by anybody.
func describeIDs(w io.Writer, ids [][3]string) {
	for _, id := range ids {
		switch {
		case id[1] == "":
		case id[2] == "":
			fmt.Fprintf(w, "\t%s\t%q\n", id[0], id[1])
		default:
			fmt.Fprintf(w, "\t%s\t%q, key %s\n", id[0], id[1], id[2])
		}
	}
}

func describeTimes(w io.Writer, issued, expires time.Time) {
	if !issued.IsZero() {
		fmt.Fprintf(w, "\tissued\t%s\n", stamp(issued))
	}
	if !expires.IsZero() {
		fmt.Fprintf(w, "\texpires\t%s\n", stamp(expires))
	}
}
