package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
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
	addAddressFlags(command)
	command.Args = cobra.ExactArgs(1)
	command.RunE = caddycmd.WrapCommandFuncForCobra(func(fl caddycmd.Flags) (int, error) {
		body, err := json.Marshal(map[string]string{"lease": fl.Arg(0)})
		if err == nil {
			err = tell(os.Stdout, fl, http.MethodPost, adminLease, body)
		}
		if err != nil {
			return 1, err
		}
		return 0, nil
	})
	return command
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
	addAddressFlags(command)
	command.Args = cobra.NoArgs
	command.RunE = caddycmd.WrapCommandFuncForCobra(func(fl caddycmd.Flags) (int, error) {
		var err error
		switch {
		case !fl.Bool("lower"):
			err = showFloor(os.Stdout, fl)
		case !fl.Bool("yes"):
			err = errors.New("lowering the floor: sessions may come back whose revocation was lost; add --yes if that is meant")
		default:
			err = tell(os.Stdout, fl, http.MethodDelete, adminFloor, nil)
		}
		if err != nil {
			return 1, err
		}
		return 0, nil
	})
	return command
}

// tell sends an operator's word to the gate that the flags name, and prints its
// answer.
func tell(w io.Writer, fl caddycmd.Flags, method, path string, body []byte) error {
	address, err := adminAddress(fl.String("address"), fl.String("config"), fl.String("adapter"))
	if err != nil {
		return err
	}
	answer, err := askAdmin(address, adminPatience, method, path, body)
	if err != nil {
		return err
	}
	var said said
	if err := json.Unmarshal(answer, &said); err != nil {
		return fmt.Errorf("reading what the gate says: %w", err)
	}
	_, err = fmt.Fprintln(w, said.Message)
	return err
}

func showFloor(w io.Writer, fl caddycmd.Flags) error {
	address, err := adminAddress(fl.String("address"), fl.String("config"), fl.String("adapter"))
	if err != nil {
		return err
	}
	state, _, err := callAdmin(address, adminPatience).state()
	if err != nil {
		return err
	}
	text := "There is no floor: no token is refused because of a loss."
	if state.Floor != 0 {
		text = fmt.Sprintf("Tokens issued up to %s are refused: the store lost revocations.", time.Unix(state.Floor, 0).UTC().Format(time.RFC3339))
	}
	_, err = fmt.Fprintln(w, text)
	return err
}
