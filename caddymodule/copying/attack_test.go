package copying_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/copying"
	"github.com/sessiongate/sessiongate/store"
)

// hooked calls a function before each request of some kind.
func hooked(l *copying.Local, do string, hook func() error) copying.Remote {
	ask := remote(l)
	return func(ctx context.Context, q copying.Request) (copying.Answer, error) {
		if q.Do == do {
			if err := hook(); err != nil {
				return copying.Answer{}, err
			}
		}
		return ask(ctx, q)
	}
}

// Attack: log out, and make a gate learn a token, while the store is copied. The copy must
// hold everything that was confirmed. During the last pass nothing is confirmed.
func TestNothingThatIsConfirmedDuringACopyIsLost(t *testing.T) {
	file, gate := bolt(t, day), fleet(t, day, 1)[0]
	fill(t, file)
	var confirmed []store.Revocation
	var tokens []store.Key
	refused := 0
	from := hooked(file, "read", func() error {
		n := len(confirmed) + refused
		r := store.Revocation{Kind: store.KindSession, Key: key(store.KindSession, fmt.Sprint("late ", n)), Expires: soon}
		_, err := file.Backend.Append(t.Context(), r)
		grant := learned[0]
		grant.Token = key(store.KindToken, fmt.Sprint("late ", n))
		learning := file.Backend.(store.Grants).Learn(t.Context(), grant)
		switch {
		case err == nil && learning == nil:
			confirmed, tokens = append(confirmed, r), append(tokens, grant.Token)
		case errors.Is(err, store.ErrPaused) && errors.Is(learning, store.ErrPaused):
			refused++
			if file.Replica.Status().Fenced {
				t.Error("the source checks no requests during the last pass")
			}
		default:
			t.Errorf("Append: %v, Learn: %v", err, learning)
		}
		return nil
	})
	if err := copying.Run(t.Context(), from, gate, timeout, ignore); err != nil {
		t.Fatal(err)
	}
	if len(confirmed) == 0 || refused == 0 {
		t.Fatalf("%d were confirmed and %d refused", len(confirmed), refused)
	}
	for _, r := range confirmed {
		if !gate.Replica.Holds(r.Key) {
			t.Errorf("the copy does not hold %v", r.Key)
		}
	}
	if known, err := gate.Backend.(store.Grants).Known(t.Context(), tokens...); err != nil || len(known) != len(tokens) {
		t.Errorf("the copy knows %d of %d tokens, %v", len(known), len(tokens), err)
	}
}

// Attack: wait until a store with a longer retention replaces one with a shorter retention.
// The target keeps the copied revocations for its own retention. It refuses tokens that are
// so old that the source had forgotten their revocations.
func TestALongerRetentionRevivesNothing(t *testing.T) {
	for name, target := range map[string]func(t *testing.T) *copying.Local{
		"redis": func(t *testing.T) *copying.Local { return fleet(t, 3*day, 1)[0] },
		"bolt":  func(t *testing.T) *copying.Local { return bolt(t, 3*day) },
	} {
		t.Run(name, func(t *testing.T) {
			file, to := bolt(t, day), target(t)
			fill(t, file)
			began := time.Now()
			if err := copying.Run(t.Context(), file, to, timeout, ignore); err != nil {
				t.Fatal(err)
			}
			for name, expires := range logged(t, file) {
				if got, want := logged(t, to)[name], expires+int64(2*day/time.Second); got != want {
					t.Errorf("%s expires at %d in the copy, want %d", name, got, want)
				}
			}
			if got := to.Replica.Status().Bounds.Forgotten; got < began.Add(-day).Unix() || got > time.Now().Add(-day).Unix() {
				t.Errorf("tokens up to %v are refused, want those of a day ago", time.Unix(got, 0))
			}
		})
	}
}

// Attack: lose revocations, and move to another store. When the copy is done, all gates of
// the target refuse the tokens that the source refuses by its floor.
func TestTheFloorIsCopied(t *testing.T) {
	file, gates, back := bolt(t, day), fleet(t, day, 3), bolt(t, day)
	ready(t, file)
	floor := time.Now().Add(-time.Hour).Unix()
	if err := file.Replica.Raise(t.Context(), store.Bounds{Floor: floor, Forgotten: floor - 1000}); err != nil {
		t.Fatal(err)
	}
	for _, gate := range gates {
		ready(t, gate)
	}
	check := func(places ...*copying.Local) {
		t.Helper()
		for _, l := range places {
			if b := l.Replica.Status().Bounds; b.Refused() != floor || b.Forgotten != floor-1000 {
				t.Errorf("the floor is %d and forgotten is %d; want %d and a thousand less", b.Refused(), b.Forgotten, floor)
			}
		}
	}
	if err := copying.Run(t.Context(), file, gates[0], timeout, ignore); err != nil {
		t.Fatal(err)
	}
	check(gates...)
	if err := copying.Run(t.Context(), gates[1], back, timeout, ignore); err != nil {
		t.Fatal(err)
	}
	check(back)

	// A floor that an operator has lowered does not count. A copy does not restore it.
	if err := gates[0].Replica.LowerFloor(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, "the floor is lowered", func() bool { return gates[1].Replica.Status().Bounds.Refused() == 0 })
	fresh := bolt(t, day)
	if err := copying.Run(t.Context(), gates[1], fresh, timeout, ignore); err != nil || fresh.Replica.Status().Bounds.Refused() != 0 {
		t.Errorf("with a lowered floor: %v, %+v", err, fresh.Replica.Status().Bounds)
	}
	if err := copying.Run(t.Context(), file, gates[1], timeout, ignore); err == nil || !strings.Contains(err.Error(), "lowered its floor") {
		t.Errorf("to a store with a lowered floor: %v", err)
	}
}

// Fault: the copy fails at any write. The source accepts logouts again, and the next copy
// is complete.
func TestACopyThatFailsLeavesTheSourceAsItWas(t *testing.T) {
	broken := errors.New("broken")
	for _, at := range []int{1, 2, 3, 4, 6, 8, 9} {
		t.Run(fmt.Sprint("at write ", at), func(t *testing.T) {
			file, gate := bolt(t, day), fleet(t, day, 1)[0]
			fill(t, file)
			var writes atomic.Int32
			to := hooked(gate, "write", func() error {
				if int(writes.Add(1)) == at {
					return broken
				}
				// There are new records in each pass.
				_, err := file.Backend.Append(t.Context(), store.Revocation{Kind: store.KindToken, Key: key(store.KindToken, fmt.Sprint(writes.Load())), Expires: soon})
				if err != nil && !errors.Is(err, store.ErrPaused) {
					return err
				}
				return nil
			})
			err := copying.Run(t.Context(), file, to, timeout, ignore)
			if failed := int(writes.Load()) >= at; failed != errors.Is(err, broken) || failed == paused(t, file) {
				t.Fatalf("after %d writes Run returns %v, and the source is paused: %v", writes.Load(), err, paused(t, file))
			}
			if err := copying.Run(t.Context(), file, gate, timeout, ignore); err != nil {
				t.Fatal(err)
			}
			checkFilled(t, gate)
		})
	}
}

// Fault: Ctrl-C in the last pass, when the context of the copy is cancelled.
func TestAnInterruptedLastPassResumesTheSource(t *testing.T) {
	file, gate := bolt(t, day), fleet(t, day, 1)[0]
	fill(t, file)
	ctx, cancel := context.WithCancel(t.Context())
	err := copying.Run(ctx, file, gate, timeout, func(p copying.Progress) {
		if p.Last {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || paused(t, file) {
		t.Errorf("Run returns %v, and the source is paused: %v", err, paused(t, file))
	}
}

// Attack: lose the revocation log of the source during the last pass, so that it has a new
// generation. The source's gates then publish the lost entries again, after the entries
// that were read.
func TestALogThatChangesInTheLastPassIsNoCopy(t *testing.T) {
	gates, file := fleet(t, day, 2), bolt(t, day)
	fill(t, gates[0])
	once := false
	from := hooked(gates[0], "read", func() error {
		if !paused(t, gates[1]) || once {
			return nil
		}
		once = true
		return gates[1].Pause(t.Context(), false) // somebody resumes the source
	})
	if err := copying.Run(t.Context(), from, file, timeout, ignore); err == nil || !strings.Contains(err.Error(), "run the same command again") {
		t.Errorf("Run returns %v", err)
	}
	if !once {
		t.Error("there was no last pass")
	}
}
