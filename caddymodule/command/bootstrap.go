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
	// openGrace is how long the log may take to open beyond the leases that have
	// to pass: what the gate holds is merged first.
	openGrace = 30 * time.Second
	// openPoll is how often the gate is asked whether it has.
	openPoll = 250 * time.Millisecond
)

func bootstrapCommand() *cobra.Command {
	return gateCommand(&cobra.Command{
		Use:   "bootstrap [--address <interface>] [--config <path> [--adapter <name>]]",
		Short: "Lets a log be opened that may have lost revocations",
		Long: `
Tells a gate that the log of its shared store may be opened, although the store
may have lost revocations and no gate can vouch for what it held. That is how a
new namespace is taken into use under "bootstrap manual", and how a fleet goes
on that was down while its store was lost.

What the gates hold is put back first. A revocation that the store lost and that
no gate holds is forgotten: sessions that were ended come back until their
tokens expire. One gate is enough to tell; the others follow.

The gate opens the log two leases after it heard of the loss, at once if that is
past. The command waits for it. The exit status is 0 when the log is open.
`,
		Example: "caddy session-gate bootstrap --address unix//run/caddy/admin.sock",
	}, 1, func(c client, _ caddycmd.Flags) error { return c.bootstrap(os.Stdout) })
}

// bootstrap gives the gate the operator's word, and waits until the log is open.
func (c client) bootstrap(w io.Writer) error {
	body, err := c.ask(http.MethodPost, operator.PathBootstrap, nil)
	if err != nil {
		return err
	}
	if _, err := show(w, body, false, describeMessage); err != nil {
		return err
	}
	if err := c.awaitOpen(time.Now()); err != nil {
		return fmt.Errorf("waiting for the log to open: %w", err)
	}
	fmt.Fprintln(w, "The log is open, and this gate admits requests.")
	return nil
}

// awaitOpen asks until the log is open and the gate admits by it.
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
			// The word was for one loss, and this is another.
			return errors.New("the log was begun anew meanwhile; find out what happens to the store, and run the command again")
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
