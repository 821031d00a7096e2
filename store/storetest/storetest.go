// Package storetest is the contract of a store as a test suite. Every store of this
// project passes it, and other stores should.
package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// Place is where a store can live: a file, a namespace, a variable.
type Place struct {
	// Open opens the store of this place. It may be called again after the
	// store that it returned was closed. It fails the test if it cannot.
	Open func(t *testing.T) store.Backend
	// Limited is Open for a store that keeps no more sessions than the limits say.
	Limited func(t *testing.T, limits store.SessionLimits) store.Backend
	// Durable reports whether the store keeps what it holds when it is closed and
	// opened again.
	Durable bool
}

// contractTest is one sentence of the contract, and its proof.
type contractTest struct {
	name string
	run  func(t *testing.T, place Place)
}

// Run runs the suite. It calls fresh for each test; each call returns a new,
// empty place.
func Run(t *testing.T, fresh func(t *testing.T) Place) {
	tests := []contractTest{
		{"an appended entry is read back as it was", readsBack},
		{"positions follow one another without a gap", contiguous},
		{"reading continues from a position", readsOn},
		{"a reader is woken by an append", wakes},
		{"reading an empty log returns an empty batch", readsEmpty},
		{"a long log is read in batches that miss nothing", readsLong},
		{"concurrent appends are all on the log, once", concurrentAppends},
		{"a reader beside appends misses nothing", readsBesideAppends},
		{"invalid revocations are refused and leave nothing", refusesInvalid},
		{"trimming forgets what has expired, from the beginning only", trims},
		{"a position before the trimmed part is a gap", gapAfterTrim},
		{"a position after the head is a gap", gapAfterHead},
		{"a position of another generation is refused", otherGeneration},
		{"the history of a key is found on the log", tellsHistory},
		{"a long history is read in pages", tellsHistoryInPages},
		{"a history after a made-up position is refused", refusesMadeUpHistory},
		{"a cancelled call ends with an error", cancelled},
		{"closing ends calls that wait", closeEndsWaiting},
		{"a closed store returns ErrClosed", closedSaysSo},
		{"a durable store keeps its log", comesBack},
		{"a session has an owner", owner},
		{"an unknown session is unknown", unknownOwner},
		{"equal ids under two issuers are two sessions", ownerByIssuer},
		{"a session seen again keeps its first time", seenAgain},
		{"ids are opaque", opaqueIDs},
		{"an expired session is forgotten", forgetsSessions},
		{"the sessions of a subject are listed, the latest first", lists},
		{"the list of a subject is bounded", listsBounded},
		{"a session that changes hands changes lists", changesHands},
		{"a durable store remembers sessions", sessionsComeBack},
	}
	for _, test := range slices.Concat(tests, boundsOfSessions) {
		t.Run(test.name, func(t *testing.T) { test.run(t, fresh(t)) })
	}
}

// open opens the store of the place and closes it at the end of the test.
func open(t *testing.T, place Place) store.Backend {
	t.Helper()
	s := place.Open(t)
	t.Cleanup(func() { _ = s.Close() }) // the test may have closed it already
	return s
}

// later returns an expiry after the end of every test.
func later() int64 { return time.Now().Add(time.Hour).Unix() }

// session returns the revocation of a session with this name.
func session(name string, expires int64) store.Revocation {
	return store.Revocation{
		Kind:    store.KindSession,
		Key:     store.NewKey("storetest", store.KindSession, "https://issuer.example", name),
		Expires: expires,
	}
}

// mustAppend appends one revocation.
func mustAppend(t *testing.T, s store.Store, revocations ...store.Revocation) store.Position {
	t.Helper()
	position, err := s.Append(t.Context(), revocations...)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	return position
}

// readAll reads from a position to the head, batch after batch.
func readAll(t *testing.T, s store.Store, after store.Position) []store.Entry {
	t.Helper()
	var all []store.Entry
	for {
		batch, err := s.Read(t.Context(), after, 0)
		if err != nil {
			t.Fatalf("Read after %d: %v", after.Seq, err)
		}
		if len(batch.Entries) == 0 {
			if after != (store.Position{}) && batch.Head != after {
				t.Fatalf("Read after %v: nothing, but the head is %v", after, batch.Head)
			}
			return all
		}
		all = append(all, batch.Entries...)
		after = batch.Entries[len(batch.Entries)-1].Position
		if batch.Head.Seq < after.Seq {
			t.Fatalf("head %d is before the last entry %d", batch.Head.Seq, after.Seq)
		}
	}
}
