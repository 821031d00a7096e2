package model

import (
	"cmp"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// Server is a shared store. It is safe for concurrent use, and each call is one atomic
// step.
type Server struct {
	mu       sync.Mutex
	random   *rand.Rand
	batch    int           // maximum number of entries per read
	bytes    int           // maximum bytes of entries per read, but at least one entry; zero is unlimited
	minWait  time.Duration // minimum wait of a read that finds nothing
	limits   store.SessionLimits
	identity uint64        // of the running process
	demoted  bool          // another server was promoted; this one refuses calls
	step     time.Duration // error of its wall clock
	lag      time.Duration // how long it keeps running after another was promoted
	held     *Dump
	grown    chan struct{} // closed and replaced at each append
	ended    chan struct{} // closed and replaced when the process ends
}

// Dump is all data of a server. A dump never changes.
type Dump struct {
	head     *head // nil means that the key is missing
	log      stream
	gates    map[store.GateID]listed
	sessions map[sessionID]store.Session
}

// stream is the log. Entries are ordered by number; some may be missing.
type stream struct {
	entries []record
	last    uint64 // the highest number so far
}

// record is one entry. It keeps its tag for good. Its generation is that of the log.
type record struct {
	seq, tag    uint64
	bytes       int
	previous    uint64             // tag of the previous entry, zero for the first of a generation
	revocations []store.Revocation // empty if the entry is unreadable
}

// listed is a gate on the list: the position that it has applied, and the count of its
// last heartbeat.
type listed struct{ applied, count uint64 }

// head is what the store knows about the log and the list of gates.
type head struct {
	identity           uint64 // of the process that wrote the head last
	generation         store.Generation
	state              store.State
	seq, tag           uint64 // of the last entry; the tag is zero until the generation has an entry
	trimmed            uint64 // entries up to this number were trimmed in order
	born               uint64 // entries up to this number may be missing
	entries            int    // expected number of entries on the log
	count              uint64 // counts all heartbeats and merges
	lease, longest     time.Duration
	retention, leeway  time.Duration
	bounds             store.Bounds
	lag                time.Duration
	begun              int64 // by the server's clock
	headLost           bool  // the head was lost, and the log has not been open since
	due                bool  // the floor must be raised, because the clock was ahead
	lacks              bool  // a gate that merged held revocations that the log lacks
	expected           int   // gates that know an earlier generation
	merged             map[store.GateID]bool
	live               int    // expected number of gates on the list
	unlisted           uint64 // count of the last heartbeat of an unlisted gate
	format, understood uint64 // the common format, and the count of the last heartbeat of a gate without a newer one
	turn               store.Turn
}

// NewServer returns an empty server. One read returns at most batch entries. Two servers
// with the same seed draw the same generations and tags.
func NewServer(seed uint64, batch int) *Server {
	s := &Server{
		random: rand.New(rand.NewPCG(seed, 0)),
		batch:  batch,
		limits: store.SessionLimits{}.OrDefault(),
		held:   &Dump{},
		grown:  make(chan struct{}),
		ended:  make(chan struct{}),
	}
	s.identity = s.random.Uint64()
	return s
}

// LimitPage also bounds a read by bytes, in the encoding of the log. A read always returns
// at least one entry.
func (s *Server) LimitPage(bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes = bytes
}

// Hold makes reads that find nothing wait for at least this long, whatever the caller asks
// for. That simulates a slow answer, and keeps the number of empty reads in long runs
// small.
func (s *Server) Hold(minWait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.minWait = minWait
}

// Limit changes how many sessions the server keeps.
func (s *Server) Limit(limits store.SessionLimits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = limits.OrDefault()
}

// Lag makes every head name how long this server keeps running after another was promoted.
func (s *Server) Lag(lag time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag = lag
}

// checked returns the head after checking that the log still matches it. If not, it begins
// a new generation.
func (s *Server) checked() *head {
	h := s.held.head
	if h == nil {
		h = &head{}
		s.held.head = h
	}
	h.lag = s.lag
	// Rule R6: a process that was restarted, promoted or restored may have lost entries
	// that another acknowledged. Rule R8: if an entry or a gate is lost, the head counts
	// too many.
	if h.identity != s.identity || h.entries != len(s.held.log.entries) || h.live != len(s.held.gates) {
		s.begin(h)
	}
	return h
}

// begin begins a new generation with the entries that are left.
func (s *Server) begin(h *head) {
	log := s.held.log
	h.identity = s.identity
	h.generation = store.Generation(s.random.Uint64() | 1)
	// Rule R7: a generation is born in repair.
	h.state = store.StateRepair
	h.seq, h.tag = max(h.seq, log.last), 0
	h.born = h.seq
	h.trimmed = h.seq
	if len(log.entries) > 0 {
		h.trimmed = log.entries[0].seq - 1
	}
	h.entries = len(log.entries)
	h.begun = s.now().Unix()
	h.headLost = h.headLost || h.lease == 0
	// Gates that were live in an earlier generation are expected to merge in this one.
	h.expected = max(h.expected, h.live)
	if h.unlisted > 0 {
		h.expected = math.MaxInt32 // unlisted gates are unknown, so they never count as complete
	}
	h.merged = make(map[store.GateID]bool)
	s.held.gates = make(map[store.GateID]listed)
	h.live, h.unlisted = 0, 0
	h.turn = store.Turn{}
	// Rule R2: the counter is never set back, so that no old count of a gate is used
	// again. Lease and retention belong to the fleet, not to the log.
}

// diverged reports whether the log was rolled back since a gate read an entry of this
// generation at the position. The log then has another entry with that number, or none.
// The following entry holds the tag of the one at the position, so the check works even if
// that one was trimmed. Positions in earlier generations are not checked.
func (s *Server) diverged(h *head, at store.Position) bool {
	tag := h.tag
	if at.Seq < h.seq {
		next, held := slices.BinarySearchFunc(s.held.log.entries, at.Seq+1, bySeq)
		if !held {
			return at.Seq >= max(h.born, h.trimmed)
		}
		tag = s.held.log.entries[next].previous
	}
	return at.Seq > h.seq || at.Seq > h.born && at.Tag != 0 && at.Tag != tag
}

// least returns the head with the gates that have applied least.
func (s *Server) least(h *head) store.Head {
	answer := h.answer()
	// Gates that have applied the same are ordered by count, because counts are unique.
	// Ids are random, and would make the order differ between runs of a seed.
	for _, id := range slices.SortedFunc(maps.Keys(s.held.gates), func(a, b store.GateID) int {
		x, y := s.held.gates[a], s.held.gates[b]
		return cmp.Or(cmp.Compare(x.applied, y.applied), cmp.Compare(x.count, y.count))
	}) {
		answer.Gates = append(answer.Gates, store.Gate{ID: id, Applied: s.held.gates[id].applied})
	}
	answer.Gates = answer.Gates[:min(len(answer.Gates), store.MaxGates)]
	return answer
}

// answer returns the head without the gates.
func (h *head) answer() store.Head {
	return store.Head{
		Position:  h.position(),
		State:     h.state,
		Lease:     h.lease,
		Longest:   max(h.longest, h.lease),
		Retention: h.retention,
		Bounds:    h.bounds,
		Lag:       h.lag,
		Live:      h.live,
		Unlisted:  h.unlisted > 0,
		Format:    max(h.format, 1),
		Turn:      h.turn,
	}
}

func (h *head) position() store.Position {
	return store.Position{Generation: h.generation, Seq: h.seq, Tag: h.tag}
}

// next counts one more heartbeat or merge.
func (h *head) next() uint64 {
	h.count++
	return h.count
}
