package command

import (
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
Changes the lease of the fleet that a running gate belongs to, from 200ms to 5m. The
lease is for how long after a heartbeat a gate may admit requests, and for how long a
DELETE waits for a gate that is frozen or cut off.

A longer lease counts at once. After a shorter one, a DELETE may wait as long as before
until every longer lease has expired. Gates that start later use the lease of the fleet,
not that of their configuration. Write it into the configuration, too: the fleet needs
it there if the store loses its data.
`,
		Example: "caddy session-gate lease 5s --address unix//run/caddy/admin.sock",
	}
	command.Args = cobra.ExactArgs(1)
	return gateCommand(command, failed, func(c client, fl caddycmd.Flags) error {
		return c.tell(os.Stdout, http.MethodPost, operator.PathLease, map[string]string{"lease": fl.Arg(0)})
	})
}

func floorCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "floor [--lower --yes] [--address <interface>] [--config <path> [--adapter <name>]]",
		Short: "Shows, or lowers, the instant up to which tokens are refused after a loss",
		Long: `
Shows the floor of a fleet. If the store lost revocations and no gate knows which, the
gates refuse every token that was issued up to the floor, and users log in again. So no
revoked session is accepted again.

With --lower the gates accept those tokens again, also those of sessions whose
revocation was lost. --yes confirms that. To refuse more tokens than the floor does, see
caddy session-gate revoke --issuer-before.
`,
		Example: "caddy session-gate floor --address unix//run/caddy/admin.sock",
	}
	command.Flags().Bool("lower", false, "Accept tokens again that only the floor refuses")
	command.Flags().Bool("yes", false, "Confirm --lower")
	command.Args = cobra.NoArgs
	return gateCommand(command, failed, func(c client, fl caddycmd.Flags) error {
		switch {
		case !fl.Bool("lower"):
			return c.floor(os.Stdout)
		case !fl.Bool("yes"):
			return usage("lowering the floor: sessions whose revocation was lost may be accepted again; add --yes to confirm")
		default:
			return c.tell(os.Stdout, http.MethodDelete, operator.PathFloor, nil)
		}
	})
}

// tell sends a request that changes something, and prints the answer.
func (c client) tell(w io.Writer, method, path string, body any) error {
	answer, err := c.ask(method, path, body)
	if err != nil {
		return err
	}
	_, err = show(w, answer, false, describeMessage)
	return err
}

// floor writes the instant up to which tokens are refused after a loss.
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
