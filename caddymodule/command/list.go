package command

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
)

func listCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "list [--issuer <iss>] [--subject <sub>] [--limit <n>] [--after <next>] [--json]",
		Short: "Lists the sessions of a subject, or the revocations that a gate holds",
		Long: `
With --subject, lists the sessions of a subject that the fleet has seen, those
seen last first, and whether each is revoked. The issuer may be left out where
there is only one.

Without, counts and lists the revocations that the gate holds. What they name is
hashed: the key is the prefix of the hash that logs, events and receipts show.

Both lists come in pages. --after takes what the page before calls next.
`,
		Example: "caddy session-gate list --subject alice --address unix//run/caddy/admin.sock",
		Args:    cobra.NoArgs,
	}
	flags := command.Flags()
	flags.String("issuer", "", "The issuer (iss); may be left out where there is only one")
	flags.String("subject", "", "The subject (sub) whose sessions are listed")
	flags.Int("limit", operator.DefaultLines, "How many lines, 1000 at the most")
	flags.String("after", "", "What the page before calls next")
	flags.Bool("json", false, "Print the list as JSON")
	return gateCommand(command, 1, func(c client, fl caddycmd.Flags) error {
		if fl.String("issuer") != "" && fl.String("subject") == "" {
			return errors.New("--issuer is the issuer of a --subject; without one, all that is held is listed")
		}
		return c.list(os.Stdout, fl.String("issuer"), fl.String("subject"), fl.String("after"), fl.Int("limit"), fl.Bool("json"))
	})
}

func (c client) list(w io.Writer, issuer, subject, after string, limit int, asJSON bool) error {
	if subject == "" {
		query := url.Values{"limit": {strconv.Itoa(limit)}}
		if after != "" {
			query.Set("after", after)
		}
		body, err := c.ask(http.MethodGet, operator.PathRevocations+"?"+query.Encode(), nil)
		if err != nil {
			return err
		}
		_, err = show(w, body, asJSON, describeRevocations)
		return err
	}
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

// describeSessions writes the sessions for a person.
func describeSessions(l operator.SessionList, w io.Writer) error {
	if len(l.Sessions) == 0 {
		fmt.Fprintf(w, "No session of %q by %s was seen, or all are forgotten.\n", l.Subject, l.Issuer)
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "SESSION\tKEY\tFIRST SEEN\tLAST SEEN\tSTATE\n")
	for _, s := range l.Sessions {
		state := "live"
		if s.Revoked {
			state = "revoked"
		}
		fmt.Fprintf(table, "%q\t%s\t%s\t%s\t%s\n", s.ID, s.Key, stamp(s.FirstSeen), stamp(s.LastSeen), state)
	}
	more(table, l.Next)
	return table.Flush()
}

// describeRevocations writes the revocations for a person.
func describeRevocations(l operator.RevocationList, w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	confirmed := ""
	if l.Unconfirmed {
		confirmed = ", some of them not in the store yet"
	}
	fmt.Fprintf(table, "%d revocations are held%s.\n", l.Held, confirmed)
	if len(l.Revocations) > 0 {
		fmt.Fprint(table, "\nKIND\tKEY\tISSUED UP TO\tEXCEPT SESSION\tKEPT UNTIL\tSTORE\n")
	}
	for _, r := range l.Revocations {
		upTo, except, where := "", r.Except, "on the log"
		if r.NotBefore != nil {
			upTo = stamp(*r.NotBefore)
		}
		if !r.Logged {
			where = "only here"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Kind, r.Key, upTo, except, stamp(r.Expires), where)
	}
	more(table, l.Next)
	return table.Flush()
}

func more(w io.Writer, next string) {
	if next != "" {
		fmt.Fprintf(w, "\nThere are more: --after %s\n", next)
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
