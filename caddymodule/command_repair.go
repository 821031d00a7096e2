package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/sessiongate/sessiongate/store/boltstore"
)

// errNotReplaced is what the command `repair` fails with when it was not told to
// replace anything.
var errNotReplaced = errors.New("repairing the store: nothing was changed; --yes replaces the file, --dry-run only tells")

func repairCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "repair [--file <path>] (--dry-run | --yes)",
		Short: "Keeps what is sound of a damaged bolt file",
		Long: `
Reads a bolt file that a gate calls damaged, tells what of it is sound, and with
--yes makes a new file of that in its place. The damaged file is kept beside it.
Each entry has a checksum; what has not the right one is not kept.

The gate has to be stopped: the file is locked while it runs. Run it as the user
of the gate, or as root: the new file is owned by the owner of the damaged one.

What is lost is counted. Sessions and tokens that were revoked by a lost entry
are accepted again until they expire. If that cannot be borne, restore the file
from a backup instead, or revoke all that was issued so far once the gate runs.
A refresh token whose record is lost is as one that was never handed out through
a gate.

The exit status is 0 if the file was replaced, if --dry-run told what is sound,
or if the store is not damaged.
`,
		Example: "caddy session-gate repair --file /data/caddy/session_gate/revocations.db --dry-run",
		Args:    cobra.NoArgs,
	}
	command.Flags().String("file", "", "The damaged file; the default path of store bolt if empty")
	command.Flags().Bool("dry-run", false, "Only tell what would be kept")
	command.Flags().Bool("yes", false, "Replace the file")
	return plainCommand(command, 1, func(fl caddycmd.Flags) error {
		return repair(os.Stdout, fl.String("file"), fl.Bool("dry-run"), fl.Bool("yes"))
	})
}

// defaultBoltPath is where a bolt store lies unless it says otherwise.
func defaultBoltPath() string {
	return filepath.Join(caddy.AppDataDir(), "session_gate", "revocations.db")
}

// repair tells what can be kept of a file, and replaces it if it may.
func repair(w io.Writer, path string, dryRun, replace bool) error {
	if path == "" {
		path = defaultBoltPath()
	}
	if dryRun && replace {
		return errors.New("repairing the store: give --dry-run or --yes, not both")
	}
	salvaged, err := boltstore.Salvage(boltstore.Options{Path: path})
	switch {
	case errors.Is(err, boltstore.ErrSound):
		fmt.Fprintf(w, "%s is not damaged, and is left as it is.\n", path)
		return nil
	case err != nil:
		return repairAdvice(err)
	}
	defer salvaged.Close()
	if err := describeSalvaged(w, salvaged); err != nil {
		return err
	}
	switch {
	case dryRun:
		return nil
	case !replace:
		return errNotReplaced
	}
	damaged, err := salvaged.Replace()
	if errors.Is(err, boltstore.ErrNothingKept) {
		return fmt.Errorf("%w, and nothing was changed: an empty store would accept everything again; "+
			"restore %q and %q from a backup, or move both away to begin an empty one", err, salvaged.Path, salvaged.Path+".init")
	}
	if err != nil {
		return fmt.Errorf("repairing the store: %w", err)
	}
	fmt.Fprintf(w, "\nReplaced. The damaged file is kept as %s. Start the gate.\n", damaged)
	return nil
}
