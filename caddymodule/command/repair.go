package command

import (
	"errors"
	"fmt"
	"io"
	"os"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/sessiongate/sessiongate/caddymodule/stores"
	"github.com/sessiongate/sessiongate/store/boltstore"
)

// errNotReplaced is the error of the command `repair` if no flag tells it to change
// something.
var errNotReplaced = errors.New("repairing the store: nothing was changed; --yes replaces the file, --dry-run only reports, --restored accepts a copy that was put back")

func repairCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "repair [--file <path>] (--dry-run | --yes | --restored)",
		Short: "Keeps the sound part of a damaged bolt file, or accepts a copy that was put back",
		Long: `
Stop the gate first: the file is locked while it runs. Run this as the user of the
gate, or as root: new files are owned by the owner of the old ones.

For a file that a gate calls damaged, or that is missing: --dry-run reports which part of
it is sound. --yes makes a new file of that part, or an empty file if there is none, and
keeps the damaged file beside it. Each entry has a checksum; entries with a wrong one are
not kept.

For a copy of the file that you put back from a backup, a snapshot or another machine:
--restored accepts it as it is. It does not matter whether you put back the file ending in
.init, too. Also use it, if the gate says so, after the clock of the machine was ahead and
was corrected. The clock must be right.

A copy that was put back lacks the revocations that were made since, and a damaged file
may have lost some. If so, the gate refuses all tokens issued until it starts, and users
have to log in again. If the issuer still refreshes a revoked session, the gate accepts it
again with a new token: end it at the issuer, too. A refresh token whose record is lost is
treated like one that was never handed out through a gate.

The exit status is 0 if the file was replaced or accepted, if --dry-run reported, or if
the store is not damaged.
`,
		Example: "caddy session-gate repair --file /data/caddy/session_gate/revocations.db --dry-run",
		Args:    cobra.NoArgs,
	}
	command.Flags().String("file", "", "The file; the default path of store bolt if empty")
	command.Flags().Bool("dry-run", false, "Only report what would be kept")
	command.Flags().Bool("yes", false, "Replace the file")
	command.Flags().Bool("restored", false, "Accept a copy that was put back; tokens issued before the next start are refused")
	return localCommand(command, failed, func(fl caddycmd.Flags) error {
		dryRun, replace := fl.Bool("dry-run"), fl.Bool("yes")
		path, isRestored := fl.String("file"), fl.Bool("restored")
		if path == "" {
			path = stores.DefaultPath()
		}
		switch {
		case dryRun && replace || isRestored && (dryRun || replace):
			return usage("repairing the store: these flags exclude each other; give one of --dry-run, --yes and --restored")
		case isRestored:
			return restored(os.Stdout, path)
		default:
			return repair(os.Stdout, path, dryRun, replace)
		}
	})
}

// repair reports what can be kept of a file, and replaces the file if it may.
func repair(w io.Writer, path string, dryRun, replace bool) error {
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
	if err != nil {
		return fmt.Errorf("repairing the store: %w", err)
	}
	fmt.Fprint(w, "\nReplaced. ")
	if damaged != "" {
		fmt.Fprintf(w, "The damaged file is kept as %s. ", damaged)
	}
	fmt.Fprint(w, "Start the gate.\n")
	return nil
}

// restored accepts a file as a copy that was put back on purpose.
func restored(w io.Writer, path string) error {
	if err := boltstore.Restored(boltstore.Options{Path: path}); err != nil {
		return repairAdvice(err)
	}
	fmt.Fprintf(w, "%s is taken as it is. Start the gate: it refuses all tokens issued until it starts, and users have to log in again.\n", path)
	return nil
}
