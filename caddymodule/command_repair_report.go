package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"text/tabwriter"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/boltstore"
)

// repairAdvice says what to do where nothing can be salvaged.
func repairAdvice(err error) error {
	switch {
	case errors.Is(err, store.ErrLocked):
		return fmt.Errorf("%w: stop the gate first", err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; --file says where the store is", err)
	case errors.Is(err, store.ErrDamaged):
		return fmt.Errorf("%w; restore the file and the one ending in .init beside it from a backup, or move both away to begin an empty store, "+
			"which accepts revoked tokens again until they expire", err)
	default:
		return err
	}
}

// describeSalvaged tells a person what would be kept, what is lost, and what that
// means.
func describeSalvaged(w io.Writer, s *boltstore.Salvaged) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "file\t%s\ndamage\t%v\n", s.Path, s.Damage)
	fmt.Fprintf(table, "kept\t%d entries with %d revocations, %d records of sessions, and %d of tokens\n", s.Entries, s.Revocations, s.Sessions, s.Tokens)
	fmt.Fprintf(table, "lost\t%s\n", lost(s))
	if err := table.Flush(); err != nil {
		return err
	}
	if s.Whole() {
		fmt.Fprint(w, "\nEvery revocation that was in the store is kept.\n")
		return nil
	}
	fmt.Fprint(w, `
What was revoked by an entry that is lost is accepted again until it expires, at
most max_token_lifetime after it was issued. To be safe, once the gate runs:
	caddy session-gate revoke --issuer <iss> --issuer-before --reason 'store repaired'
Then everybody of that issuer has to log in again.
`)
	return nil
}

// lost says which entries are lost, as far as that is known.
func lost(s *boltstore.Salvaged) string {
	if s.Whole() {
		return "nothing"
	}
	said := fmt.Sprintf("%d entries", s.Lost)
	if len(s.Gaps) > 0 {
		var gaps []string
		for _, gap := range s.Gaps {
			if gap.From == gap.To {
				gaps = append(gaps, fmt.Sprint(gap.From))
			} else {
				gaps = append(gaps, fmt.Sprintf("%d-%d", gap.From, gap.To))
			}
		}
		said += ": " + strings.Join(gaps, ", ")
	}
	if s.EndUnknown {
		said += "; and perhaps more, because it is not known where the log ended"
	}
	return said
}
