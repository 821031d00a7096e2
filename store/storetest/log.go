package storetest

import (
	"errors"
	"reflect"
	"strconv"
	"sync"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

func readsBack(t *testing.T, place Place) {
	s := open(t, place)
	key := func(kind store.Kind, value string) store.Key {
		return store.NewKey("storetest", kind, "https://issuer.example", value)
	}
	want := []store.Revocation{
		{Kind: store.KindSession, Key: key(store.KindSession, "s"), Expires: later()},
		{Kind: store.KindToken, Key: key(store.KindToken, "t"), Expires: later() + 1},
		{
			Kind: store.KindSubject, Key: key(store.KindSubject, "u"), NotBefore: 1_700_000_000,
			Except: key(store.KindSession, "kept"), Expires: later() + 2,
		},
		{Kind: store.KindIssuer, Key: key(store.KindIssuer, ""), NotBefore: 1_800_000_000, Expires: later() + 3},
		{
			Kind: store.KindSession, Key: key(store.KindSession, "again"), NotBefore: 1_800_000_001, Expires: later() + 4,
			Origin: store.Origin{Source: store.SourceAdmin, Reason: "laptop stolen", Made: 1_800_000_002},
		},
		{Kind: store.KindSession, Key: key(store.KindSession, "t"), Expires: later(), Origin: store.Origin{Source: store.SourceEndpoint}},
	}
	position := mustAppend(t, s, want...)
	entries := readAll(t, s, store.Position{})
	if len(entries) != 1 {
		t.Fatalf("read %d entries, want 1", len(entries))
	}
	if !reflect.DeepEqual(entries[0].Revocations, want) {
		t.Errorf("read %v, want %v", entries[0].Revocations, want)
	}
	if entries[0].Position != position {
		t.Errorf("read at %v, appended at %v", entries[0].Position, position)
	}
	if position.Generation == 0 || position.Seq == 0 {
		t.Errorf("position %v has a zero part", position)
	}
}

func contiguous(t *testing.T, place Place) {
	s := open(t, place)
	first := mustAppend(t, s, session("0", later()))
	for i := uint64(1); i < 20; i++ {
		got := mustAppend(t, s, session(strconv.FormatUint(i, 10), later()))
		if got.Generation != first.Generation || got.Seq != first.Seq+i {
			t.Fatalf("append %d is at %v, the first was at %v", i, got, first)
		}
	}
	if entries := readAll(t, s, store.Position{}); len(entries) != 20 {
		t.Errorf("read %d entries, want 20", len(entries))
	}
}

func readsOn(t *testing.T, place Place) {
	s := open(t, place)
	var positions []store.Position
	for i := range 10 {
		positions = append(positions, mustAppend(t, s, session(strconv.Itoa(i), later())))
	}
	for i, position := range positions {
		entries := readAll(t, s, position)
		if len(entries) != 9-i {
			t.Fatalf("after entry %d came %d entries, want %d", i, len(entries), 9-i)
		}
		if len(entries) > 0 && entries[0].Position != positions[i+1] {
			t.Errorf("after %v came %v", position, entries[0].Position)
		}
	}
}

func readsEmpty(t *testing.T, place Place) {
	s := open(t, place)
	batch, err := s.Read(t.Context(), store.Position{}, 0)
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	if len(batch.Entries) != 0 || batch.Head.Seq != 0 || batch.Head.Generation == 0 {
		t.Errorf("an empty log gave %+v", batch)
	}
	if again := readAll(t, s, batch.Head); len(again) != 0 {
		t.Errorf("after the head of an empty log came %d entries", len(again))
	}
}

func readsLong(t *testing.T, place Place) {
	const appends, each = 40, 200
	s := open(t, place)
	want := map[store.Key]bool{}
	for i := range appends {
		var revocations []store.Revocation
		for j := range each {
			r := session(strconv.Itoa(i*each+j), later())
			revocations = append(revocations, r)
			want[r.Key] = true
		}
		mustAppend(t, s, revocations...)
	}
	entries := readAll(t, s, store.Position{})
	for i, entry := range entries {
		if entry.Position.Seq != entries[0].Position.Seq+uint64(i) {
			t.Fatalf("entry %d has sequence number %d", i, entry.Position.Seq)
		}
		for _, r := range entry.Revocations {
			delete(want, r.Key)
		}
	}
	if len(entries) != appends || len(want) != 0 {
		t.Errorf("read %d entries, want %d; %d revocations are missing", len(entries), appends, len(want))
	}
}

func concurrentAppends(t *testing.T, place Place) {
	const writers, each = 8, 25
	s := open(t, place)
	var mu sync.Mutex
	acknowledged := map[store.Position]store.Key{}
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				r := session(strconv.Itoa(w*each+i), later())
				position, err := s.Append(t.Context(), r)
				if err != nil {
					t.Errorf("Append: %v", err)
					return
				}
				mu.Lock()
				acknowledged[position] = r.Key
				mu.Unlock()
			}
		})
	}
	group.Wait()
	entries := readAll(t, s, store.Position{})
	if len(entries) != writers*each || len(acknowledged) != writers*each {
		t.Fatalf("%d entries and %d positions, want %d", len(entries), len(acknowledged), writers*each)
	}
	for _, entry := range entries {
		if acknowledged[entry.Position] != entry.Revocations[0].Key {
			t.Errorf("the entry at %v is not the one acknowledged there", entry.Position)
		}
	}
}

func refusesInvalid(t *testing.T, place Place) {
	s := open(t, place)
	key := store.NewKey("storetest", store.KindSession, "i", "v")
	invalid := map[string][]store.Revocation{
		"nothing":                     nil,
		"no key":                      {{Kind: store.KindSession, Expires: later()}},
		"no kind":                     {{Key: key, Expires: later()}},
		"no expiry":                   {{Kind: store.KindSession, Key: key}},
		"a token with an instant":     {{Kind: store.KindToken, Key: key, NotBefore: 1, Expires: later()}},
		"a session before 1970":       {{Kind: store.KindSession, Key: key, NotBefore: -1, Expires: later()}},
		"a reason of two lines":       {{Kind: store.KindSession, Key: key, Expires: later(), Origin: store.Origin{Reason: "a\nb"}}},
		"a subject without one":       {{Kind: store.KindSubject, Key: key, Expires: later()}},
		"a session with an exception": {{Kind: store.KindSession, Key: key, Except: key, Expires: later()}},
		"one bad beside a good one":   {session("good", later()), {Kind: store.KindSession, Expires: later()}},
	}
	for name, revocations := range invalid {
		if position, err := s.Append(t.Context(), revocations...); err == nil {
			t.Errorf("%s: appended at %v", name, position)
		}
	}
	if entries := readAll(t, s, store.Position{}); len(entries) != 0 {
		t.Errorf("refused appends left %d entries", len(entries))
	}
}

func otherGeneration(t *testing.T, place Place) {
	s := open(t, place)
	position := mustAppend(t, s, session("a", later()))
	position.Generation++
	if _, err := s.Read(t.Context(), position, 0); !errors.Is(err, store.ErrGeneration) {
		t.Errorf("Read gave %v, want ErrGeneration", err)
	}
}
