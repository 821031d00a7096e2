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

func listCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "list [--subject <sub> [--issuer <iss>] [--limit <n>] [--after <next>]] [--json]",
		Short: "Lists the sessions of a subject, or counts the revocations that a gate holds",
		Long: `
With --subject, lists the sessions of a subject that the fleet has seen, those seen
last first, and whether each is revoked. It also shows the instant up to which all
tokens of the subject are revoked, if there is one. --issuer may be left out if the
gate has only one issuer. The list comes in pages: give --after the value that the
previous page calls next.

Without --subject, counts the revocations that the gate holds, by kind. A gate holds only
hashes of what is revoked. Use caddy session-gate check to see whether a token is
revoked, and why.
`,
		Example: "caddy session-gate list --subject alice --address unix//run/caddy/admin.sock",
		Args:    cobra.NoArgs,
	}
	flags := command.Flags()
	flags.String("issuer", "", "The issuer (iss); may be left out if there is only one")
	flags.String("subject", "", "The subject (sub) whose sessions are listed")
	flags.Int("limit", operator.DefaultLines, "How many sessions, at most 1000")
	flags.String("after", "", "The value that the previous page calls next")
	flags.Bool("json", false, "Print the list as JSON")
	return gateCommand(command, failed, func(c client, fl caddycmd.Flags) error {
		if fl.String("subject") != "" {
			return c.list(os.Stdout, fl.String("issuer"), fl.String("subject"), fl.String("after"), fl.Int("limit"), fl.Bool("json"))
		}
		for _, name := range []string{"issuer", "limit", "after"} {
			if fl.Changed(name) {
				return usage(fmt.Sprintf("listing sessions: --%s goes with --subject; without a subject, list counts the revocations", name))
			}
		}
		return c.count(os.Stdout, fl.Bool("json"))
	})
}

func (c client) list(w io.Writer, issuer, subject, after string, limit int, asJSON bool) error {
	body, err := c.ask(http.MethodPost, operator.PathSessions, struct {
		Issuer  string `json:"issuer,omitempty"`
		Subject string `json:"subject"`
		After   string `json:"after,omitempty"`
		Limit   int    `json:"limit"`
	}{issuer, subject, after, limit})
	if err != nil {
		return err
	}
	_, err = show(w, body, asJSON, describeSessions)
	return err
}

func (c client) count(w io.Writer, asJSON bool) error {
	body, err := c.ask(http.MethodGet, operator.PathRevocations, nil)
	if err != nil {
		return err
	}
	_, err = show(w, body, asJSON, describeCounts)
	return err
}

// describeSessions writes the sessions for a person.
func describeSessions(l operator.SessionList, w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(l.Sessions) == 0 {
		fmt.Fprintf(table, "No session of %q by %s was seen, or all are forgotten.\n", l.Subject, l.Issuer)
	} else {
		fmt.Fprint(table, "SESSION\tKEY\tFIRST SEEN\tLAST SEEN\tSTATE\n")
	}
	for _, s := range l.Sessions {
		state := "live"
		switch s.By {
		case "":
		case "subject", "issuer":
			state = "revoked with its " + s.By + " " + describeOrigin(s.Origin)
		default:
			state = "revoked " + describeOrigin(s.Origin)
		}
		fmt.Fprintf(table, "%q\t%s\t%s\t%s\t%s\n", s.ID, s.Key, stamp(s.FirstSeen), stamp(s.LastSeen), state)
	}
	if l.NotBefore != nil {
		fmt.Fprintf(table, "\nTokens issued up to %s are revoked, except those of excepted sessions.\n", stamp(*l.NotBefore))
	}
	for _, r := range l.Revocations {
		fmt.Fprintf(table, "The latest is of the %s: %s.\n", describeRevocation(r), describeOrigin(r.Origin))
	}
	if l.Next != "" {
		fmt.Fprintf(table, "\nThere are more: --after %s\n", l.Next)
	}
	return table.Flush()
}

// describeCounts writes how many revocations there are for a person.
func describeCounts(c operator.RevocationCounts, w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	confirmed := ""
	if c.Unconfirmed {
		confirmed = ", some of them not in the store yet"
	}
	fmt.Fprintf(table, "%d revocations are held%s.\n\nsession\t%d\ntoken\t%d\nsubject\t%d\nissuer\t%d\n",
		c.Held, confirmed, c.Kinds.Session, c.Kinds.Token, c.Kinds.Subject, c.Kinds.Issuer)
	return table.Flush()
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
