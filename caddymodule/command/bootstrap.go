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

const (
	// openGrace is how long the revocation log may take to open after the leases that have
	// to pass: the gate first merges what it holds.
	openGrace = 30 * time.Second
	// openPoll is how often the command asks whether the revocation log is open.
	openPoll = 250 * time.Millisecond
)

func bootstrapCommand() *cobra.Command {
	return gateCommand(&cobra.Command{
		Use:   "bootstrap [--address <interface>] [--config <path> [--adapter <name>]]",
		Short: "Opens a revocation log that may have lost revocations",
		Long: `
Lets a gate open the revocation log of its shared store, although the store may have
lost revocations and no gate can confirm what it held. Use it with "bootstrap manual"
for a new namespace, and for a fleet that was down while its store was lost.

The gates first restore the revocations that they hold. A revocation that the store
lost and that no gate holds is forgotten: its session is accepted again until its
tokens expire. Tell one gate; the others follow.

The gate opens the revocation log two leases after it learned of the loss, or at once
if they have passed. The command waits for that. The exit status is 0 when the
revocation log is open.
`,
		Example: "caddy session-gate bootstrap --address unix//run/caddy/admin.sock",
	}, failed, func(c client, _ caddycmd.Flags) error { return c.bootstrap(os.Stdout) })
}

// bootstrap has the gate open the revocation log, and waits until it is open.
func (c client) bootstrap(w io.Writer) error {
	body, err := c.ask(http.MethodPost, operator.PathBootstrap, nil)
	if err != nil {
		return err
	}
	if _, err := show(w, body, false, describeMessage); err != nil {
		return err
	}
	if err := c.awaitOpen(time.Now()); err != nil {
		return fmt.Errorf("waiting for the revocation log to open: %w", err)
	}
	fmt.Fprintln(w, "The revocation log is open, and this gate admits requests.")
	return nil
}

// awaitOpen asks until the revocation log is open and the gate admits by it.
func (c client) awaitOpen(began time.Time) error {
	generation := ""
	for {
		state, _, err := c.state()
		switch {
		case err != nil:
			return err
		case state.State != operator.InRepair && !state.Fenced:
			return nil
		case state.State == operator.InRepair && generation != "" && state.Generation != "" && state.Generation != generation:
			// The operator knew of one loss, and this is another.
			return errors.New("the revocation log was lost again meanwhile; find out what happens to the store, and run the command again")
		case time.Since(began) > 3*state.LeaseSeconds.Duration()+openGrace:
			why, next := state.Advice()
			return fmt.Errorf("after %v the gate still %s: %s; next: %s", time.Since(began).Round(time.Second), state.Admission(), why, next)
		}
		if state.Generation != "" {
			generation = state.Generation
		}
		time.Sleep(openPoll)
	}
}
