package storetest

import (
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// Fault: a newer gate writes an entry that an older one cannot read, so the older one
// admits nothing. The common format falls with the first heartbeat of a gate that
// understands less, listed or not. It rises step by step when the last such gate has been
// silent for longer than any lease.
func tellsFormat(t *testing.T, place FleetPlace) {
	f := join(t, place)
	position := look(t, f).Position
	var last uint64
	for _, step := range []struct {
		what     string
		format   uint64
		unlisted bool
		silent   bool // gates with earlier heartbeats have been silent for longer than a lease
		want     uint64
	}{
		{what: "a newer gate, with no gate known to be silent", format: 3, want: 1},
		{what: "the same, when the lease of any other is over", format: 3, silent: true, want: 2},
		{what: "the same, at once", format: 3, want: 2},
		{what: "the same, a lease later", format: 3, silent: true, want: 3},
		{what: "an older gate joins", format: 2, want: 2},
		{what: "the newer gate sends another heartbeat", format: 3, want: 2},
		{what: "one that says nothing, and is on no list", unlisted: true, want: 1},
		{what: "the newer gate sends another heartbeat beside it", format: 3, want: 1},
		{what: "a newer gate, when they are gone", format: 3, silent: true, want: 2},
	} {
		beat := store.Heartbeat{Gate: 1, Applied: position, Lease: lease, Format: step.format, Unlisted: step.unlisted}
		if step.silent {
			beat.Silent = last
		}
		answer := send(t, f, beat)
		if answer.Format != step.want {
			t.Errorf("%s: every gate understands format %d, want %d", step.what, answer.Format, step.want)
		}
		last = answer.Count
	}
	if seen := look(t, f).Format; seen != 2 {
		t.Errorf("Look names format %d, want 2", seen)
	}
	place.LoseHead()
	if lost := look(t, f).Format; lost != 1 {
		t.Errorf("a new head after a loss names format %d, want 1", lost)
	}
}
