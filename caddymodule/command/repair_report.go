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

// repairAdvice adds to an error what to do.
func repairAdvice(err error) error {
	switch {
	case errors.Is(err, store.ErrLocked):
		return fmt.Errorf("%w; stop the gate first", err)
	case errors.Is(err, store.ErrDamaged):
		return fmt.Errorf("%w; --dry-run reports which part of it is sound", err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; --file says where the store is", err)
	default:
		return err
	}
}

// describeSalvaged writes what would be kept, what is lost, and what that means, for a
// person.
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
Sessions that were revoked by a lost entry would be accepted again. So the gate refuses
all tokens issued until it starts on the new file, and users have to log in again.
Revoked sessions that the issuer still refreshes are accepted again with a new token: end
those at the issuer, too.
`)
	return nil
}

// lost says how much is lost, if that is known.
func lost(s *boltstore.Salvaged) string {
	if s.Whole {
		return "nothing"
	}
	return fmt.Sprintf("%d entries, and perhaps more", s.Lost)
}
