package command

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
)

// describeReceipt writes the receipt for a person who was woken: first what is revoked,
// then why it holds everywhere.
func describeReceipt(r operator.Receipt, w io.Writer) error {
	for _, revoked := range r.Revoked {
		if revoked.NotBefore != nil {
			fmt.Fprintf(w, "Revoked: all that %s issued up to %s", r.Issuer, stamp(*revoked.NotBefore))
			if revoked.Kind == "subject" {
				fmt.Fprint(w, " to the subject")
			}
			fmt.Fprintf(w, ", key %s.\n", revoked.Key)
			continue
		}
		fmt.Fprintf(w, "Revoked: the %s with the key %s of %s.\n", revoked.Kind, revoked.Key, r.Issuer)
	}
	if r.Unlooked != "" {
		fmt.Fprintf(w, "Nobody could look whether it exists: %s.\n", r.Unlooked)
	}
	took := r.TookSeconds.Duration()
	switch {
	case !r.Shared:
		fmt.Fprintf(w, "It is in the store of this machine, and this gate, its only one, refuses from now on. It took %v.\n", took)
		return nil
	case r.StoreOnly:
		fmt.Fprintf(w, "The store has it after %v. The other gates were not waited for (acknowledge store) and follow within a lease.\n", took)
	default:
		fmt.Fprintf(w, "It holds at every gate after %v.\n", took)
	}
	if r.LeaseSeconds > 0 {
		why := "not every gate confirmed it"
		switch {
		case r.Unlisted:
			why = "some gates do not confirm (acknowledge lease)"
		case r.Unsettled:
			why = "the revocation log was restored a moment ago, and a gate that is not listed may have been admitting"
		}
		fmt.Fprintf(w, "A lease had to pass, %v: %s.\n", r.LeaseSeconds.Duration(), why)
	}
	fmt.Fprintf(w, "The revocation log holds it by entry %d.\n\n", r.Position)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "GATE\tHAD IT\n%s\tat once; it was asked\n", r.Gate)
	for _, g := range r.Gates {
		fmt.Fprintf(table, "%s\t%s\n", g.Gate, outcomeOf(g))
	}
	if r.Others > 0 {
		fmt.Fprintf(table, "%d others\t%s\n", r.Others, othersOf(r))
	}
	return table.Flush()
}

// othersOf describes the gates that the receipt does not name.
func othersOf(r operator.Receipt) string {
	if r.StoreOnly {
		return "not waited for"
	}
	return "by then, or admitting nothing"
}

// outcomeOf describes what a gate did.
func outcomeOf(g operator.ReceiptGate) string {
	after := g.AfterSeconds.Duration()
	switch g.Outcome {
	case "applied":
		return fmt.Sprintf("after %v", after)
	case "left":
		return fmt.Sprintf("it left, seen after %v: it stopped, or had sent no heartbeat for a lease, and admits nothing", after)
	case "fenced":
		return fmt.Sprintf("did not confirm: a lease had to pass, %v, and it admits nothing until it has caught up", after)
	default:
		return "not waited for"
	}
}
