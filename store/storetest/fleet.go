package storetest

import (
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// FleetPlace is a place for a store that many gates share, and the means to inflict
// faults on it. None of them may be nil.
type FleetPlace struct {
	// Open opens one more client of the place. It fails the test if it cannot.
	// The test closes it.
	Open func(t *testing.T) store.Fleet
	// Flush empties the store.
	Flush func()
	// Restart ends the store's process and starts it again with all that it
	// held. It returns when it answers; clients may fail once after it.
	Restart func()
	// Keep saves all that the store holds. The function that it returns restores that
	// in the same process.
	Keep func() (back func())
	// LoseLog deletes the log, LoseHead the head, LoseGates the list of gates, and
	// LoseEntry one entry of the log. Nothing else changes.
	LoseLog, LoseHead, LoseGates func()
	LoseEntry                    func(seq uint64)
}

// RunFleet runs the suite for stores that many gates share. It calls fresh for
// each test; each call returns a new, empty place.
func RunFleet(t *testing.T, fresh func(t *testing.T) FleetPlace) {
	tests := []struct {
		name string
		run  func(t *testing.T, place FleetPlace)
	}{
		{"a log begins in repair, with no gate, turn or lease", beginsInRepair},
		{"a look changes nothing", looksOnly},
		{"a heartbeat is recorded with what was applied", recordsHeartbeat},
		{"a heartbeat of no generation is answered only", answersNewcomer},
		{"a heartbeat of another generation is answered only", answersStranger},
		{"counts of heartbeats come from one counter", countsUp},
		{"the lease of the first heartbeat is the fleet's", keepsLease},
		{"the longest retention counts, and raising it keeps the entries on the log", raisesRetention},
		{"raising a retention while clocks differ refuses no more tokens than necessary", raisesRetentionByTwoClocks},
		{"raising the retention protects the entries on the log from trimming", holdsWhatIsRaised},
		{"the earlier of two clocks trims", trimsByTheEarlierClock},
		{"a lost head takes the settings that gates know", takesWhatGatesKnow},
		{"a lowered lease is waited for", shortensLease},
		{"the floor is raised for a loss that a gate knows of", raisesFloor},
		{"a wrong clock does not open a log that lost entries", opensNoLossByAWrongClock},
		{"a settled heartbeat settles an open log", settlesOpen},
		{"nothing but an open log is settled", settlesNothingElse},
		{"a log is settled by the longest known lease", settlesByTheLongestLease},
		{"a gate that leaves is off the list", leaves},
		{"a gate that has been silent is taken off the list", takesSilentOff},
		{"a gate that has sent a heartbeat since stays", keepsWhoCameBack},
		{"the gates that have applied least are named, and no more", namesLeast},
		{"the head reports unlisted gates", saysUnlisted},
		{"the head names the format of entries that every gate understands", tellsFormat},
		{"publishing names the position and the gates", publishes},
		{"publishing and appending write one log", publishesAndAppends},
		{"an invalid publish leaves nothing", publishesValidOnly},
		{"a publish counts every gate that received an earlier head", countsJoining},
		{"a free turn is taken, kept and released", takesTurn},
		{"a turn belongs to its holder", keepsTurn},
		{"a witness goes first", witnessFirst},
		{"a stale turn is taken by its count", takesStale},
		{"a turn ends with its generation", losesTurn},
		{"opening ends the repair and the turn", opens},
		{"a merge of another generation is not done", mergesThisOnly},
		{"a merge puts one entry on the log, or none", mergesOneEntry},
		{"flushing begins an empty generation", afterFlush},
		{"a restart begins a generation over the same log", afterRestart},
		{"a lost log begins a generation, and numbers continue", afterLostLog},
		{"a lost head begins a generation over the same log", afterLostHead},
		{"a lost list of gates begins a generation over the same log", afterLostList},
		{"a lost entry begins a generation over the others", afterLostEntry},
		{"the history of a key is found over losses and merges", tellsHistoryAfterLosses},
		{"the counter continues after a loss", countsOn},
		{"the first call of any kind notices a loss", everyCallNotices},
		{"a generation begins once", beginsOnce},
		{"remaining entries keep number and tag", keepsTags},
		{"trimming begins no generation", trimsInPeace},
		{"no gap follows the remaining entries", bornOnce},
		{"entries have tags, and appending returns them", tellsTags},
		{"a gate that has read further finds that the log went back", findsThatTheLogWentBack},
		{"a gate that has not read further continues on the log that went back", readsOnFromWhatStands},
		{"the tag of a trimmed entry is known", knowsWhatWasTrimmed},
		{"a heartbeat finds that the head went back", findsThatTheHeadWentBack},
		{"a cancelled call and a closed fleet return errors", fleetEnds},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			place := fresh(t)
			if place.Open == nil || place.Flush == nil || place.Restart == nil ||
				place.LoseLog == nil || place.LoseHead == nil || place.LoseGates == nil || place.LoseEntry == nil || place.Keep == nil {
				t.Fatal("a part of the place is nil")
			}
			test.run(t, place)
		})
	}
}

// lease is the lease of the suite's heartbeats. No test waits for it.
const lease = 3 * time.Second

func join(t *testing.T, place FleetPlace) store.Fleet {
	t.Helper()
	f := place.Open(t)
	t.Cleanup(func() { _ = f.Close() }) // the test may have closed it already
	return f
}

// look returns the head. It retries for a while, because a client may fail after the
// store went away.
func look(t *testing.T, f store.Fleet) store.Head {
	t.Helper()
	for deadline := time.Now().Add(wait); ; {
		head, err := f.Look(t.Context())
		if err == nil {
			return head
		}
		if time.Now().After(deadline) {
			t.Fatalf("Look: %v", err)
		}
	}
}

// back waits until a client whose store went away can look and read again, and returns
// the head.
func back(t *testing.T, f store.Fleet) store.Head {
	t.Helper()
	head := look(t, f)
	for deadline := time.Now().Add(wait); ; {
		_, err := f.Read(t.Context(), store.Position{}, 0)
		if err == nil {
			return head
		}
		if time.Now().After(deadline) {
			t.Fatalf("Read: %v", err)
		}
	}
}

// beat sends a heartbeat of a gate that has applied the log up to a position.
func beat(t *testing.T, f store.Fleet, gate store.GateID, applied store.Position) store.Head {
	t.Helper()
	return send(t, f, store.Heartbeat{Gate: gate, Applied: applied, Lease: lease})
}

func send(t *testing.T, f store.Fleet, beat store.Heartbeat) store.Head {
	t.Helper()
	head, err := f.Heartbeat(t.Context(), beat)
	if err != nil {
		t.Fatalf("Heartbeat: %v", err)
	}
	return head
}

func publish(t *testing.T, f store.Fleet, names ...string) store.Head {
	t.Helper()
	head, err := f.Publish(t.Context(), named(names)...)
	if err != nil {
		t.Fatalf("Publish: %v", err)
	}
	return head
}

func named(names []string) []store.Revocation {
	var revocations []store.Revocation
	for _, name := range names {
		revocations = append(revocations, session(name, later()))
	}
	return revocations
}

func merge(t *testing.T, f store.Fleet, m store.Merge) (store.Head, bool) {
	t.Helper()
	head, done, err := f.Merge(t.Context(), m)
	if err != nil {
		t.Fatalf("Merge: %v", err)
	}
	return head, done
}

// openLog opens the log of a place.
func openLog(t *testing.T, f store.Fleet) store.Head {
	t.Helper()
	head, done := merge(t, f, store.Merge{Gate: 99, Generation: look(t, f).Generation, Then: store.Open})
	if !done || head.State != store.StateOpen {
		t.Fatalf("opening the log: done %v, head %+v", done, head)
	}
	return head
}

// readLeft reads the whole log from its beginning, across missing entries up to
// Batch.Born, and fails on any other gap.
func readLeft(t *testing.T, f store.Fleet) ([]store.Entry, store.Batch) {
	t.Helper()
	var all []store.Entry
	var after store.Position
	for {
		batch, err := f.Read(t.Context(), after, 0)
		if err != nil {
			t.Fatalf("Read after %d: %v", after.Seq, err)
		}
		for _, entry := range batch.Entries {
			seq := entry.Position.Seq
			follows := seq == max(after.Seq, batch.Born)+1 || seq <= batch.Born || after == store.Position{}
			if !follows || seq <= after.Seq || entry.Position.Generation != batch.Head.Generation {
				t.Fatalf("entry %v after %v, holes allowed up to %d", entry.Position, after, batch.Born)
			}
			after = entry.Position
		}
		all = append(all, batch.Entries...)
		if len(batch.Entries) == 0 || after == batch.Head {
			if after != (store.Position{}) && after != batch.Head && batch.Head.Seq > batch.Born {
				t.Fatalf("Read after %v: nothing, but the head is %v", after, batch.Head)
			}
			return all, batch
		}
	}
}
