package command

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
)

func healthCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "health [--address <interface>] [--config <path> [--adapter <name>]] [--json]",
		Short: "Says whether a gate admits requests, and what to do if it does not",
		Long: `
Asks a running gate for its state, and says whether it admits requests, why not, and
what to do next. It shows the store, and the keys of each issuer: how many there are, how
fresh they are, and why they cannot be fetched.

The exit status is 0 if the gate admits valid tokens of every issuer, 1 if it does not,
and 2 if it could not be asked. An issuer with keys_optional does not count, unless no
other issuer has keys.

With --json it prints the answer of the admin API to GET /session_gate/health.
`,
		Example: "caddy session-gate health --address unix//run/caddy/admin.sock",
	}
	command.Flags().Bool("json", false, "Print the state as JSON")
	return gateCommand(command, notAsked, func(c client, fl caddycmd.Flags) error {
		return c.health(os.Stdout, fl.Bool("json"))
	})
}

// health writes the state of the gate. It exits with 1 if the gate does not admit valid
// tokens of every issuer that counts, and with 2 if it could not be asked.
func (c client) health(w io.Writer, asJSON bool) error {
	state, body, err := c.state()
	if err != nil {
		return exit{notAsked, err}
	}
	if asJSON {
		_, err = w.Write(body)
	} else {
		err = describeState(state, w)
	}
	if err != nil {
		return exit{notAsked, fmt.Errorf("writing the state of the gate: %w", err)}
	}
	if !state.Admits() {
		return exit{failed, nil}
	}
	return nil
}

// describeState writes the state for a person who was woken by it: first what it means
// and what to do, then the details.
func describeState(s operator.State, w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "The gate %s.\n", s.Admission())
	if why, next := s.Advice(); why != "" {
		fmt.Fprintf(table, "Why:\t%s.\nNext:\t%s.\n", why, next)
	}
	at := ""
	if s.Address != "" {
		at = " at " + s.Address
	}
	fmt.Fprintf(table, "\nstore\t%s%s, namespace %q\n", s.Store, at, s.Namespace)
	if s.Version != "" {
		fmt.Fprintf(table, "version\t%s\n", s.Version)
	}
	if s.Shared {
		fresh := ""
		if s.New {
			fresh = " (new)"
		}
		fmt.Fprintf(table, "log\t%s%s, generation %s, entry %d, %d behind\n", cmp.Or(s.State, "not known yet"), fresh, cmp.Or(s.Generation, "unknown"), s.Position, s.Lag)
		fmt.Fprintf(table, "lease\t%s\n", s.Lease())
		others := ""
		if s.Unlisted {
			others = ", and others that are not counted (acknowledge lease)"
		}
		fmt.Fprintf(table, "gates\t%d live%s%s\n", s.Gates, others, named(s))
	}
	if s.Floor != 0 {
		fmt.Fprintf(table, "floor\ttokens issued up to %s are refused: the store lost revocations\n", stamp(time.Unix(s.Floor, 0)))
	}
	confirmed := ""
	if s.Unconfirmed {
		confirmed = ", some of them not in the store yet"
	}
	fmt.Fprintf(table, "revocations\t%d%s\n", s.Revocations, confirmed)
	if s.DegradedSeconds > 0 {
		fmt.Fprintf(table, "degraded\tfor %v in all since it was first ready: it refused, or admitted by an old set\n", time.Duration(s.DegradedSeconds)*time.Second)
	}
	if s.Error != "" {
		fmt.Fprintf(table, "error\t%s\n", s.Error)
	}
	for _, issuer := range s.Issuers {
		describeIssuer(issuer, table)
	}
	return table.Flush()
}

// describeIssuer writes the state of the keys of an issuer, with a line for each place.
func describeIssuer(issuer operator.Issuer, w io.Writer) {
	note := ""
	switch {
	case issuer.Keys > 0:
	case issuer.Optional:
		note = ", no keys (keys_optional)"
	default:
		note = ", NO KEYS"
	}
	fmt.Fprintf(w, "issuer\t%s%s\n", issuer.Issuer, note)
	for _, source := range issuer.Sources {
		fmt.Fprintf(w, "\t%s\n", source)
		if source.Error != "" {
			fmt.Fprintf(w, "\terror: %s\n", source.Error)
		}
	}
}

// named returns the gate's own id, as receipts show it, if it has one.
func named(s operator.State) string {
	if s.Gate == "" {
		return ""
	}
	return ", this one is " + s.Gate
}
