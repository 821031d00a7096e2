package command

import (
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
)

// outcome is the outcome of a revocation at another gate.
func outcome(gate, outcome string, after operator.Seconds) operator.ReceiptGate {
	return operator.ReceiptGate{Gate: gate, Outcome: outcome, AfterSeconds: after}
}

func TestTheReceiptIsReadAtNight(t *testing.T) {
	instant := time.Unix(1_800_000_000, 0)
	one := []operator.Revoked{{Kind: "session", Key: "0011aabb"}}
	for name, c := range map[string]struct {
		receipt operator.Receipt
		want    string
	}{
		"one machine": {
			operator.Receipt{Issuer: "https://a", Revoked: one, Position: 7, TookSeconds: 0.0004},
			"Revoked: the session with the key 0011aabb of https://a.\n" +
				"It is in the store of this machine, and this gate, its only one, refuses from now on. It took 0s.\n",
		},
		"a fleet": {
			operator.Receipt{Issuer: "https://a", Revoked: one, Shared: true, Position: 7, TookSeconds: 0.003, Gate: "aaaa", Gates: []operator.ReceiptGate{outcome("bbbb", "applied", 0.002)}},
			"Revoked: the session with the key 0011aabb of https://a.\nIt holds at every gate after 3ms.\nThe revocation log holds it by entry 7.\n\n" +
				"GATE  HAD IT\naaaa  at once; it was asked\nbbbb  after 2ms\n",
		},
		"a frozen gate, and one that left": {
			operator.Receipt{
				Issuer: "https://a", Revoked: []operator.Revoked{{Kind: "subject", Key: "00", NotBefore: &instant}}, Shared: true, Position: 7,
				TookSeconds: 3.1, Gate: "aaaa", Gates: []operator.ReceiptGate{outcome("bbbb", "fenced", 3.09), outcome("cccc", "left", 0.2)}, LeaseSeconds: 3.09,
			},
			"Revoked: all that https://a issued up to 2027-01-15T08:00:00Z to the subject, key 00.\nIt holds at every gate after 3.1s.\n" +
				"A lease had to pass, 3.09s: not every gate confirmed it.\nThe revocation log holds it by entry 7.\n\n" +
				"GATE  HAD IT\naaaa  at once; it was asked\n" +
				"bbbb  did not confirm: a lease had to pass, 3.09s, and it admits nothing until it has caught up\n" +
				"cccc  it left, seen after 200ms: it stopped, or had sent no heartbeat for a lease, and admits nothing\n",
		},
		"a young log": {
			operator.Receipt{Issuer: "https://a", Revoked: []operator.Revoked{{Kind: "issuer", Key: "00", NotBefore: &instant}}, Shared: true, Position: 7, TookSeconds: 3, Gate: "aaaa", LeaseSeconds: 3, Unsettled: true},
			"Revoked: all that https://a issued up to 2027-01-15T08:00:00Z, key 00.\nIt holds at every gate after 3s.\n" +
				"A lease had to pass, 3s: the revocation log was restored a moment ago, and a gate that is not listed may have been admitting.\n" +
				"The revocation log holds it by entry 7.\n\nGATE  HAD IT\naaaa  at once; it was asked\n",
		},
		"a large fleet": {
			operator.Receipt{Issuer: "https://a", Revoked: one, Shared: true, Position: 7, TookSeconds: 0.2, Gate: "aaaa", Gates: []operator.ReceiptGate{outcome("bbbb", "applied", 0.1)}, Others: 967},
			"Revoked: the session with the key 0011aabb of https://a.\nIt holds at every gate after 200ms.\nThe revocation log holds it by entry 7.\n\n" +
				"GATE        HAD IT\naaaa        at once; it was asked\nbbbb        after 100ms\n967 others  by then, or admitting nothing\n",
		},
		"gates that are on no list": {
			operator.Receipt{Issuer: "https://a", Revoked: one, Shared: true, Position: 7, TookSeconds: 3.1, Gate: "aaaa", LeaseSeconds: 3.09, Unlisted: true, Unsettled: true},
			"Revoked: the session with the key 0011aabb of https://a.\nIt holds at every gate after 3.1s.\n" +
				"A lease had to pass, 3.09s: some gates do not confirm (acknowledge lease).\n" +
				"The revocation log holds it by entry 7.\n\nGATE  HAD IT\naaaa  at once; it was asked\n",
		},
		"the store alone": {
			operator.Receipt{Issuer: "https://a", Revoked: one, Shared: true, Position: 7, TookSeconds: 0.001, Gate: "aaaa", StoreOnly: true, Gates: []operator.ReceiptGate{outcome("bbbb", "not_waited_for", 0)}, Others: 2},
			"Revoked: the session with the key 0011aabb of https://a.\n" +
				"The store has it after 1ms. The other gates were not waited for (acknowledge store) and follow within a lease.\n" +
				"The revocation log holds it by entry 7.\n\nGATE      HAD IT\naaaa      at once; it was asked\nbbbb      not waited for\n2 others  not waited for\n",
		},
	} {
		var printed strings.Builder
		if err := describeReceipt(c.receipt, &printed); err != nil || printed.String() != c.want {
			t.Errorf("%s: error %v, printed\n%s\nwant\n%s", name, err, printed.String(), c.want)
		}
	}
}
