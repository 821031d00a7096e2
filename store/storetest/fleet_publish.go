package storetest

import (
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

func publishes(t *testing.T, place FleetPlace) {
	f, other := join(t, place), join(t, place)
	start := look(t, f).Position
	beat(t, f, 1, start)
	beat(t, other, 2, start)
	head := publish(t, f, "a", "b")
	if head.Generation != start.Generation || head.Seq != start.Seq+1 || head.State != store.StateRepair ||
		head.Lease != lease || head.Count != 0 {
		t.Errorf("published into %+v, the head is %+v", start, head)
	}
	want := []store.Gate{{ID: 1, Applied: start.Seq}, {ID: 2, Applied: start.Seq}}
	if !slices.Equal(sorted(head.Gates), want) || head.Live != 2 {
		t.Errorf("the gates that must apply the entry are %+v, want %+v", head.Gates, want)
	}
	entries, batch := readLeft(t, other)
	if len(entries) != 1 || entries[0].Position != head.Position || len(entries[0].Revocations) != 2 ||
		entries[0].Revocations[1].Key != session("b", 0).Key {
		t.Errorf("published %v, read %+v", head.Position, entries)
	}
	if batch.Born != 0 {
		t.Errorf("a log without losses was born at %d", batch.Born)
	}
}

func publishesAndAppends(t *testing.T, place FleetPlace) {
	f, other := join(t, place), join(t, place)
	want := []store.Position{publish(t, f, "a").Position, mustAppend(t, other, session("b", later())), publish(t, other, "c").Position}
	entries := readAll(t, f, store.Position{})
	if len(entries) != len(want) {
		t.Fatalf("three calls put %d entries on the log", len(entries))
	}
	for i, entry := range entries {
		if entry.Position != want[i] {
			t.Errorf("entry %d is at %v, want %v", i, entry.Position, want[i])
		}
	}
}

func publishesValidOnly(t *testing.T, place FleetPlace) {
	f := join(t, place)
	before := look(t, f)
	good, bad := session("good", later()), session("bad", 0)
	for name, revocations := range map[string][]store.Revocation{"none": nil, "one bad beside a good one": {good, bad}} {
		if head, err := f.Publish(t.Context(), revocations...); err == nil {
			t.Errorf("%s: published at %v", name, head.Position)
		}
	}
	if after := look(t, f); !equal(before, after) {
		t.Errorf("refused publishes changed %+v into %+v", before, after)
	}
}

// Attack: a gate joins while a session is revoked. Either it has read the
// revocation, or the revocation must count it and wait for it. Otherwise it admits the
// session after the 200.
func countsJoining(t *testing.T, place FleetPlace) {
	const clients, each = 4, 25
	start := look(t, join(t, place)).Position
	var mu sync.Mutex
	received := map[store.GateID]uint64{} // the head that a joining gate received
	var heads []store.Head
	var group sync.WaitGroup
	for c := range clients {
		joining, publishing := join(t, place), join(t, place)
		group.Go(func() {
			for i := range each {
				gate := store.GateID(1 + c*each + i)
				answer, err := joining.Heartbeat(t.Context(), store.Heartbeat{Gate: gate, Applied: start, Lease: lease})
				if err != nil || answer.Count == 0 {
					t.Errorf("Heartbeat: %+v, %v", answer, err)
					return
				}
				mu.Lock()
				received[gate] = answer.Seq
				mu.Unlock()
			}
		})
		group.Go(func() {
			for i := range each {
				head, err := publishing.Publish(t.Context(), session(strconv.Itoa(c*each+i), later()))
				if err != nil {
					t.Errorf("Publish: %v", err)
					return
				}
				mu.Lock()
				heads = append(heads, head)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if len(received) != clients*each || len(heads) != clients*each {
		t.Fatalf("%d gates joined, %d entries were published, want %d of each", len(received), len(heads), clients*each)
	}
	for _, head := range heads {
		for _, gate := range head.Gates {
			if seq, joined := received[gate.ID]; !joined || seq >= head.Seq {
				t.Errorf("entry %d names gate %v, which joined at %d", head.Seq, gate, seq)
			}
		}
		before := 0
		for _, seq := range received {
			if seq < head.Seq {
				before++
			}
		}
		if head.Live != before {
			t.Errorf("%d gates received a head before entry %d, which counts %d", before, head.Seq, head.Live)
		}
	}
}

func fleetEnds(t *testing.T, place FleetPlace) {
	f := join(t, place)
	head := look(t, f)
	if err := f.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	ctx := t.Context()
	_, heartbeatErr := f.Heartbeat(ctx, store.Heartbeat{Gate: 1, Applied: head.Position, Lease: lease})
	_, publishErr := f.Publish(ctx, session("a", later()))
	_, lookErr := f.Look(ctx)
	_, _, mergeErr := f.Merge(ctx, store.Merge{Gate: 1, Generation: head.Generation, Then: store.Open})
	for call, err := range map[string]error{
		"Heartbeat": heartbeatErr, "Publish": publishErr, "Look": lookErr, "Merge": mergeErr,
		"Leave": f.Leave(ctx, 1),
	} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s gave %v, want ErrClosed", call, err)
		}
	}
	if after := look(t, join(t, place)); !equal(head, after) {
		t.Errorf("calls of a closed client changed %+v into %+v", head, after)
	}
}
