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

// String returns the id as 16 hex digits.
func (g GateID) String() string { return fmt.Sprintf("%016x", uint64(g)) }

// State says how far a shared log can be trusted. Within one generation it only grows.
type State uint8

const (
	// StateRepair: the log may lack entries that an earlier generation held. No lease
	// is extended. Every generation begins in this state.
	StateRepair State = 1
	// StateOpen: the gates have merged what they held. Leases are extended. But a gate
	// that is not on the list may still admit by a lease of an earlier generation.
	StateOpen State = 2
	// StateSettled: every such lease has expired. The list of gates is complete.
	StateSettled State = 3
)

// String returns "repair", "open" or "settled".
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

// MaxGates is how many gates a Head names at most, however many are live.
const MaxGates = 32

// Gate is one gate on the list of live gates.
type Gate struct {
	ID GateID
	// Applied is the sequence number up to which the gate holds every entry of
	// the head's generation.
	Applied uint64
}

// Turn is the right to merge into a log that is in repair. With a zero Gate no gate has
// it.
type Turn struct {
	Gate    GateID
	Witness bool
	// Count changes with each step of a merge, also with the step that releases the
	// turn. It comes from the counter of heartbeats.
	Count uint64
}

// Head is what a shared store knows about its log and the gates that follow it,
// as of one instant.
type Head struct {
	// Position is the end of the log.
	Position
	State State
	// Lease is the fleet's, whatever a gate is configured to. A heartbeat that is
	// answered with it grants this lease. Zero until the first heartbeat.
	Lease time.Duration
	// Longest is the longest lease by which a gate may still admit: waits are as long.
	// After the lease was lowered, it stays above Lease for a while.
	Longest time.Duration
	// Retention is the longest that any gate was configured to.
	Retention time.Duration
	// Bounds are what the fleet knows about tokens that the log cannot judge.
	Bounds
	// Now is the time by the store's clock in Unix seconds. Only Heartbeat says it.
	Now int64
	// Lag is how long a store may go on answering after another took its place. Zero:
	// it does not.
	Lag time.Duration
	// Count is the count of the heartbeat that was answered. It is zero if the
	// heartbeat was not recorded, and after other calls. It comes from one counter of
	// the whole fleet that is never set back.
	Count uint64
	// Live is how many gates are on the list.
	Live int
	// Unlisted reports whether gates that are not on the list may be admitting.
	Unlisted bool
	// Format is the newest format of entries that every gate understands that may be
	// admitting: see Format. At least 1.
	Format uint64
	// Gates are the gates on the list that have applied least, the furthest behind
	// first, at most MaxGates. Only Publish and Look name them.
	Gates []Gate
	// Gone are the gates that the heartbeat removed from the list, at most MaxGates.
	Gone []GateID
	// Turn says which gate merges, if the log is in repair.
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
	// Settled reports whether the gate knew the generation of Applied for longer than any
	// lease of an earlier one when it sent this heartbeat: longer than Waited, if that
	// is above Lease. It counts only if the head knows no lease longer than Waited.
	Settled bool
	Waited  time.Duration
	// Unlisted keeps the gate off the list. The head reports that until no
	// such gate has sent a heartbeat for longer than a lease.
	Unlisted bool
	// Silent is the count of a heartbeat that was answered longer ago than any lease
	// lasts, or zero if there is none. A gate whose last heartbeat has no greater count
	// admits nothing, and the store removes it from the list.
	Silent uint64
	// Merged is zero until the gate has merged all that it holds into the log in
	// repair, or holds nothing that the log lacks. Then it is how many gates were live
	// in the last report of an earlier generation that this gate received, and zero if
	// it knows none.
	Merged int
	// Lease is the fleet's lease as the gate last received it, or else the gate's
	// configured lease. If the fleet has none, it becomes the fleet's.
	Lease time.Duration
	// Longest is the longest lease of another generation than the head's that the gate
	// knows, and zero if it knows none. The fleet's is raised to it. In repair, the
	// fleet's lease is raised to Lease above, so that a gate that replaces a lost head
	// cannot shorten it.
	Longest time.Duration
	// Shortened reports whether the gate has known the lease above, in the generation of
	// Applied, for longer than any lease that was granted before it. Longest falls to
	// it.
	Shortened bool
	// Retention raises the fleet's, as Local.Retain describes. In a generation with a
	// lost head, and until it is open, this sets no Bounds.Forgotten: the fleet had
	// this retention before.
	Retention time.Duration
	// Now is the gate's wall clock in Unix seconds, or zero if it sends none. What was
	// forgotten before a raised retention counts by the earlier of this and the store's
	// clock, or by what was trimmed if that is later. What is held counts by the later
	// of the two.
	Now int64
	// Margin is how much longer than Retention revocations are kept. Skew is how far
	// clocks may be apart.
	Margin, Skew time.Duration
	// Leeway is the gate's. The fleet's largest is added to Bounds.Floor.
	Leeway time.Duration
	// Bounds are those that the gate has received, and Swept is the latest second by
	// which it has forgotten. The fleet's bounds are raised to them. Swept is raised in
	// repair only, because gates do not merge what they have forgotten, and at most to
	// the store's time.
	Bounds Bounds
}

// Then says what happens to the turn after a Merge.
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
	// Witness reports whether the gate's lease had not expired when it first heard of the
	// generation: it holds all that was ever acknowledged.
	Witness bool
	// Stale is the count of a turn that has made no progress for too long, and may be
	// taken from its holder. Zero: none.
	Stale uint64
	// Before is how many gates were live in the last report of an earlier generation
	// that this gate received; zero if it knows none.
	Before int
	// Lacks reports whether this generation's log lacks revocations that the gate held from
	// an earlier generation's log: they are lost.
	Lacks bool
	// Relogin makes a log whose contents no gate can confirm refuse all tokens that
	// were issued before.
	Relogin bool
	// Skewed reports whether the gate's clock and the store's are too far apart to raise a
	// floor. If a floor is needed, the log is not opened, and the turn is released.
	Skewed bool
	// Revocations are put on the log as one entry. There may be none.
	Revocations []Revocation
	Then        Then
}

// Fleet is a Store that many gates share, and by which they know of one another. Its
// methods may be called concurrently and fail like those of Store. The store's own
// clock only decides what is forgotten and refused for good: see Bounds.
//
// Every call first checks that the log is the same as before. A new generation begins
// in StateRepair, with an empty list of gates, in these cases: the store runs as
// another process or was promoted; the head is missing; or the number of entries, or of
// gates on the list, differs from the head. The entries that are left stay. The counter
// of heartbeats continues if it is still there.
//
// A log that goes back within one process, as when the memory of its machine is
// restored, shows none of these signs. So Read and Heartbeat also begin a generation if
// a position of the present one is beyond the head, if the log has another entry in its
// place, or if a gate's count is beyond the head's.
//
// No answer names more than MaxGates gates.
type Fleet interface {
	Store

	// Heartbeat records that a gate is live and what it has applied, and returns the
	// head. A heartbeat of another generation than the head's, or of none, is not
	// recorded; the head is still returned. A heartbeat with Settled moves StateOpen to
	// StateSettled.
	Heartbeat(ctx context.Context, beat Heartbeat) (Head, error)

	// Publish is Append, and returns the head as of the instant at which the entry was
	// put on the log. Head.Position is right after the entry, and all gates on the list
	// must apply it.
	Publish(ctx context.Context, revocations ...Revocation) (Head, error)

	// SetLease changes the fleet's lease for an operator. It raises Longest at once if
	// the lease is longer. A heartbeat with Shortened lowers it.
	SetLease(ctx context.Context, lease time.Duration) (Head, error)

	// Look returns the head and changes nothing.
	Look(ctx context.Context) (Head, error)

	// Leave removes a gate from the list that will never admit again. It is no error if
	// the gate is not on the list.
	Leave(ctx context.Context, gate GateID) error

	// Merge takes the turn, or continues it, and reports whether it was done. It is not
	// done, and changes nothing, if the generation is not the head's, if the log is not
	// in repair, or if another gate has the turn. A gate may take the turn if no gate
	// has it, if the gate is a witness and the holder is none, or if the count of the
	// turn is merge.Stale.
	//
	// Opening the log raises Bounds.Floor to the store's time when the generation began
	// plus the fleet's largest leeway, if no witness opens it and revocations were lost
	// or may be lost. That is so in three cases: merge.Relogin is set; the generation
	// began because of the store's clock; or a gate that merged Lacks some, and of the
	// gates that know an earlier generation, fewer have merged than were live in it.
	Merge(ctx context.Context, merge Merge) (Head, bool, error)
}
