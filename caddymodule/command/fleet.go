package command

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
)

func leaseCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "lease <duration> [--address <interface>] [--config <path> [--adapter <name>]]",
		Short: "Changes the lease of a fleet while it runs",
		Long: `
Changes the lease of the fleet that a running gate belongs to: for how long after a
heartbeat a gate may admit, and so for how long a DELETE waits for a gate that is
frozen or cut off. It is from 200ms to 5m.

A lease that is raised counts at once. One that is lowered is granted at once, and a
DELETE waits for as long as before until every longer lease is over. Gates that start
later take the lease of the fleet, whatever their configuration says. Write it there,
too, for the day on which the store loses its memory.
`,
		Example: "caddy session-gate lease 5s --address unix//run/caddy/admin.sock",
	}
	command.Args = cobra.ExactArgs(1)
	return gateCommand(command, 1, func(c client, fl caddycmd.Flags) error {
		return c.tell(os.Stdout, http.MethodPost, operator.PathLease, map[string]string{"lease": fl.Arg(0)})
	})
}

func floorCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "floor [--lower --yes] [--address <interface>] [--config <path> [--adapter <name>]]",
		Short: "Shows, or lowers, the instant up to which tokens are refused after a loss",
		Long: `
Shows the floor of a fleet. After its store lost revocations that no gate could name,
every token is refused that was issued up to that instant, so that no revoked session
comes back: users log in again.

With --lower those tokens pass again, and with them those of sessions whose revocation
was lost. --yes says that this is meant. To refuse more than the floor does, see
caddy session-gate revoke --issuer-before.
`,
		Example: "caddy session-gate floor --address unix//run/caddy/admin.sock",
	}
	command.Flags().Bool("lower", false, "Let tokens pass again that only the floor refuses")
	command.Flags().Bool("yes", false, "Confirm --lower")
	command.Args = cobra.NoArgs
	return gateCommand(command, 1, func(c client, fl caddycmd.Flags) error {
		switch {
		case !fl.Bool("lower"):
			return c.floor(os.Stdout)
		case !fl.Bool("yes"):
			return errors.New("lowering the floor: sessions may come back whose revocation was lost; add --yes if that is meant")
		default:
			return c.tell(os.Stdout, http.MethodDelete, operator.PathFloor, nil)
		}
	})
}

// tell sends an operator's word to the gate, and writes its answer.
func (c client) tell(w io.Writer, method, path string, body any) error {
	answer, err := c.ask(method, path, body)
	if err != nil {
		return err
	}
	_, err = show(w, answer, false, describeMessage)
	return err
}

// floor writes up to when tokens are refused after a loss.
func (c client) floor(w io.Writer) error {
	state, _, err := c.state()
	if err != nil {
		return err
	}
	text := "There is no floor: no token is refused because of a loss."
	if state.Floor != 0 {
		text = fmt.Sprintf("Tokens issued up to %s are refused: the store lost revocations.", stamp(time.Unix(state.Floor, 0)))
	}
	_, err = fmt.Fprintln(w, text)
	return err
}
