package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"text/tabwriter"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/boltstore"
)

// repairAdvice says what to do where nothing can be salvaged.
func repairAdvice(err error) error {
	switch {
	case errors.Is(err, store.ErrLocked):
		return fmt.Errorf("%w: stop the gate first", err)
	case errors.Is(err, store.ErrDamaged):
		return fmt.Errorf("%w; --dry-run tells what of it is sound", err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; --file says where the store is", err)
	default:
		return err
	}
}

// describeSalvaged tells a person what would be kept, what is lost, and what that
// means.
func describeSalvaged(w io.Writer, s *boltstore.Salvaged) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "file\t%s\ndamage\t%v\n", s.Path, s.Damage)
	fmt.Fprintf(table, "kept\t%d entries with %d revocations, and %d records of tokens\n", s.Entries, s.Revocations, s.Tokens)
	fmt.Fprintf(table, "lost\t%s\n", lost(s))
	if err := table.Flush(); err != nil {
		return err
	}
	if s.Whole {
		fmt.Fprint(w, "\nEvery revocation that was in the store is kept.\n")
		return nil
	}
	fmt.Fprint(w, `
What was revoked by an entry that is lost would be accepted again. So the gate refuses
all tokens issued until it starts on the new file, and users have to log in again.
Sessions that the issuer still refreshes come back: end those at the issuer, too.
`)
	return nil
}

// lost says how much is lost, as far as that is known.
func lost(s *boltstore.Salvaged) string {
	if s.Whole {
		return "nothing"
	}
	return fmt.Sprintf("%d entries, and perhaps more", s.Lost)
}
