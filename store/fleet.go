package store

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// GateID names one replica that follows a shared log. It is random and never
// zero: a gate that starts again is another gate.
type GateID uint64

// String writes the id as 16 hex digits.
func (g GateID) String() string { return fmt.Sprintf("%016x", uint64(g)) }

// State says how far a shared log can be trusted. It only ever grows within one
// generation.
type State uint8

const (
	// StateRepair: the log may lack entries that an earlier generation held.
	// Nobody's lease is extended. Every generation begins like this.
	StateRepair State = 1
	// StateOpen: what the gates still held was merged. Leases are extended, but
	// a gate may still be admitting by a lease of the generation before, without
	// being on the list of gates.
	StateOpen State = 2
	// StateSettled: every such lease is over. The list of gates is whole.
	StateSettled State = 3
)

// String is "repair", "open" or "settled".
func (s State) String() string {
	switch s {
	case StateRepair:
		return "repair"
	case StateOpen:
		return "open"
	case StateSettled:
		return "settled"
	default:
		return "state(" + strconv.Itoa(int(s)) + ")"
	}
}

// MaxGates is how many gates a Head names at the most, however many are live.
const MaxGates = 32

// Gate is one gate on the list of live gates.
type Gate struct {
	ID GateID
	// Applied is the sequence number up to which the gate holds every entry of
	// the head's generation.
	Applied uint64
}

// Turn is the right to merge into a log that is in repair. With a zero Gate it is
// nobody's.
type Turn struct {
	Gate    GateID
	Witness bool
	// Count changes, by the same counter as that of heartbeats, with each step of a
	// merge, also with the one that releases the turn.
	Count uint64
}

// Head is what a shared store knows about its log and the gates that follow it,
// as of one instant.
type Head struct {
	// Position is the end of the log.
	Position
	State State
	// Lease is the fleet's, whatever a gate is configured to: a heartbeat that is
	// answered with it grants so much. Zero until the first heartbeat.
	Lease time.Duration
	// Longest is the longest lease that a gate may still be admitting by: waits are
	// as long. It is above Lease for a while after that was lowered.
	Longest time.Duration
	// Retention is the longest that any gate was configured to.
	Retention time.Duration
	// Bounds are what the fleet knows of tokens that the log cannot judge.
	Bounds
	// Now is the time by the store's clock in Unix seconds. Only Heartbeat says it.
	Now int64
	// Lag is for how long a store may go on answering after another took its place.
	// Zero: it does not.
	Lag time.Duration
	// Count is that of the heartbeat that was answered, zero if it was not
	// recorded, and zero after other calls. It comes from one counter of the whole
	// fleet that is never set back.
	Count uint64
	// Live is how many gates are on the list.
	Live int
	// Unlisted says that gates which are not on the list may be admitting.
	Unlisted bool
	// Format is the newest format of entries that every gate understands which may be
	// admitting: see Format. At least 1.
	Format uint64
	// Gates are the gates on the list that have applied least: the one that has
	// applied least comes first, and there are MaxGates at the most. Only Publish
	// and Look name them.
	Gates []Gate
	// Gone are the gates that the heartbeat took off the list, at most MaxGates.
	Gone []GateID
	// Turn is who merges, if the log is in repair.
	Turn Turn
}

// Heartbeat is what a gate tells the store.
type Heartbeat struct {
	Gate GateID
	// Applied is the position up to which the gate holds every entry. It is
	// zero until the gate has read a generation up to its head.
	Applied Position
	// Count is that of the gate's last heartbeat which was recorded in the generation
	// of Applied, zero if none was.
	Count uint64
	// Format is the newest format of entries that the gate understands, zero for 1.
	Format uint64
	// Settled says that the gate had known the generation of Applied for longer
	// than any lease of an earlier one when it sent this: than Waited, if that is above
	// Lease. It counts only if the head knows of no longer one.
	Settled bool
	Waited  time.Duration
	// Unlisted says that the gate is not to be on the list. The head says so until
	// no such gate has sent a heartbeat for longer than a lease.
	Unlisted bool
	// Silent is the count of a heartbeat that was answered longer ago than any
	// lease lasts, zero if none was. A gate that has sent no heartbeat with a
	// greater count admits nothing, and is taken off the list.
	Silent uint64
	// Merged is, once the gate has merged all that it holds into the log in repair, or
	// holds nothing that is not there, how many gates were live when it last heard so in
	// an earlier generation; zero if it knows of none.
	Merged int
	// Lease is the fleet's as the gate last heard it, or else what the gate is
	// configured to. It becomes the fleet's where it has none.
	Lease time.Duration
	// Longest is the longest lease that the gate heard of in another generation than
	// the head's, and zero if it knows of none. The fleet's is raised to it; and in
	// repair its lease is raised to the one above, so that who makes a lost head
	// anew cannot shorten it.
	Longest time.Duration
	// Shortened says that the gate had known the lease above, in the generation of
	// Applied, for longer than any that was granted before it: Longest falls to it.
	Shortened bool
	// Retention raises the fleet's, as Local.Retain tells. In a generation whose head
	// was lost, and until it is open, that sets no Bounds.Forgotten: it is what the
	// fleet had before.
	Retention time.Duration
	// Now is the gate's wall clock in Unix seconds, zero if it tells none. What was
	// forgotten before a raised retention counts by the earlier of it and the store's,
	// or by what was trimmed if that is later, and what is held by the later one.
	Now int64
	// Margin is by how much longer than Retention revocations are kept, and Skew how
	// far clocks may be apart.
	Margin, Skew time.Duration
	// Leeway is the gate's. The fleet's largest is added to Bounds.Floor.
	Leeway time.Duration
	// Bounds are what the gate has heard, and Swept is the latest second by which it
	// has forgotten. The fleet's are raised to them; Swept in repair only, for what
	// gates have forgotten they do not merge, and at most to the store's time.
	Bounds Bounds
}

// Then is what becomes of the turn after a Merge.
type Then uint8

const (
	// Keep the turn: there is more to merge.
	Keep Then = iota
	// Release the turn: the gate has merged all that it holds.
	Release
	// Open the log, and release the turn.
	Open
)

// Merge is one step of merging what a gate holds into a log in repair.
type Merge struct {
	Gate       GateID
	Generation Generation
	// Witness says that the gate's lease was still good when it first heard of
	// the generation: what it holds is all that was ever acknowledged.
	Witness bool
	// Stale is the count of a turn that has made no progress for too long, and
	// may be taken from its holder. Zero: none.
	Stale uint64
	// Before is how many gates were live when this one last heard so, in an earlier
	// generation; zero if it knows of none.
	Before int
	// Lacks says that the gate held revocations as those of an earlier generation's
	// log that this one's lacks: it has lost some.
	Lacks bool
	// Relogin says that a log for which nobody can vouch refuses all that was issued
	// before.
	Relogin bool
	// Skewed says that the gate's clock and the store's are too far apart for a floor
	// to be raised by: where one is called for, the log is not opened, and the turn is
	// released.
	Skewed bool
	// Revocations are put on the log as one entry. There may be none.
	Revocations []Revocation
	Then        Then
}

// Fleet is a Store that many gates share, and by which they know of one another.
// Its methods may be called concurrently and fail like those of Store. The store's
// own clock decides no more than what is forgotten and refused for good: see Bounds.
//
// Every call first makes sure that the log is the one it was: if the store runs
// as another process or was promoted, if the head is missing, or if the entries
// or the gates on the list are not as many as the head says, a new generation is
// begun in StateRepair, with an empty list of gates; the entries that are left
// stay. The counter of heartbeats goes on where it was, if it is still there.
//
// A log that goes back within one process, as when the memory of its machine does,
// tells by none of that. So Read and Heartbeat begin a generation, too, if a position
// of the present one is beyond the head, if the log has another entry in its place,
// or if a gate's count is beyond the head's.
//
// However many gates there are, no answer names more than MaxGates of them.
type Fleet interface {
	Store

	// Heartbeat records that a gate is there and what it has applied, and
	// returns the head. A heartbeat of another generation than the head's, or
	// of none, is not recorded; the head is returned all the same. One with
	// Settled moves StateOpen to StateSettled.
	Heartbeat(ctx context.Context, beat Heartbeat) (Head, error)

	// Publish is Append, and returns the head as of the instant at which the
	// entry was put on the log: Head.Position is right after the entry, and all
	// gates on the list must apply it.
	Publish(ctx context.Context, revocations ...Revocation) (Head, error)

	// SetLease changes the fleet's lease, by the word of an operator. Longest is
	// raised with it at once, and lowered by a heartbeat that says Shortened.
	SetLease(ctx context.Context, lease time.Duration) (Head, error)

	// Look returns the head and changes nothing.
	Look(ctx context.Context) (Head, error)

	// Leave takes a gate off the list that will never admit again. It is no error
	// if the gate is not on it.
	Leave(ctx context.Context, gate GateID) error

	// Merge takes the turn, or goes on with it, and reports whether it was
	// done. It is not done, and changes nothing, if the generation is not the
	// head's, if the log is not in repair, or if the turn is another's: one may
	// take it if it is nobody's, if one is a witness and the holder is none, or
	// if its count is merge.Stale.
	//
	// Opening the log raises Bounds.Floor to the store's time when the generation was
	// begun plus the fleet's largest leeway, if no witness opens it and revocations
	// were lost, or may have been: merge.Relogin is set; or the generation was begun
	// for its clock; or a gate that merged Lacks some, and fewer gates that know an
	// earlier generation have merged than were live in it.
	Merge(ctx context.Context, merge Merge) (Head, bool, error)
}
