package command

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
)

// errRefusing is what the command `health` fails with when a gate is fenced.
var errRefusing = errors.New("checking the gate: it refuses every guarded request")

func healthCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "health [--address <interface>] [--config <path> [--adapter <name>]] [--json]",
		Short: "Says whether a gate admits requests, and what to do if it does not",
		Long: `
Asks a running gate for its state, and says whether it admits requests, why not, and
what to do next. The exit status is 0 if the gate admits requests, and 1 if it does not
or cannot be reached.

With --json it prints the answer of the admin API to GET /session_gate/health.
`,
		Example: "caddy session-gate health --address unix//run/caddy/admin.sock",
	}
	command.Flags().Bool("json", false, "Print the state as JSON")
	return gateCommand(command, 1, func(c client, fl caddycmd.Flags) error {
		return c.health(os.Stdout, fl.Bool("json"))
	})
}

// health writes the state of the gate, and fails if it refuses requests.
func (c client) health(w io.Writer, asJSON bool) error {
	state, body, err := c.state()
	if err != nil {
		return err
	}
	if asJSON {
		_, err = w.Write(body)
	} else {
		err = describeState(state, w)
	}
	if err != nil {
		return fmt.Errorf("writing the state of the gate: %w", err)
	}
	if state.Fenced {
		return errRefusing
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
	fmt.Fprintf(table, "\nstore\t%s, namespace %q\n", s.Store, s.Namespace)
	if s.Version != "" {
		fmt.Fprintf(table, "version\t%s\n", s.Version)
	}
	if s.Shared {
		fmt.Fprintf(table, "log\t%s, generation %s, entry %d, %d behind\n", cmp.Or(s.State, "not known yet"), cmp.Or(s.Generation, "unknown"), s.Position, s.Lag)
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
		fmt.Fprintf(table, "degraded\tfor %v since the first full sync\n", time.Duration(s.DegradedSeconds)*time.Second)
	}
	if s.Error != "" {
		fmt.Fprintf(table, "error\t%s\n", s.Error)
	}
	return table.Flush()
}

// named returns the gate's own id, as receipts show it, if it has one.
func named(s operator.State) string {
	if s.Gate == "" {
		return ""
	}
	return ", this one is " + s.Gate
}
