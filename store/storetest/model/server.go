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

// Server is a shared store. It is safe for concurrent use: each call is one
// atomic step.
type Server struct {
	mu       sync.Mutex
	random   *rand.Rand
	batch    int           // how many entries one read returns at the most
	bytes    int           // how many bytes of entries, but at least one entry; zero: any
	patience time.Duration // for how long a read waits at the least that finds nothing
	limits   store.SessionLimits
	identity uint64        // of the process that runs
	demoted  bool          // another was promoted: it takes no calls any more
	step     time.Duration // by which its wall clock is off
	lag      time.Duration // for how long it goes on when another was promoted
	held     *Dump
	grown    chan struct{} // closed, and replaced, at each append
	ended    chan struct{} // closed, and replaced, when the process ends
}

// Dump is all that a server holds. One that was taken of it is never changed.
type Dump struct {
	head     *head // nil: the key is not there
	log      stream
	gates    map[store.GateID]listed
	sessions map[sessionID]store.Session
}

// stream is the log. The entries run upwards by number; some may be missing.
type stream struct {
	entries []record
	last    uint64 // the highest number that it ever took
}

// record is one entry. It keeps its tag for good; its generation is the log's.
type record struct {
	seq, tag    uint64
	bytes       int
	previous    uint64             // the tag of the entry before, zero for the first of a generation
	revocations []store.Revocation // none: nobody can read the entry
}

// listed is a gate on the list: what it has applied, and the count of its last
// heartbeat.
type listed struct{ applied, count uint64 }

// head is what is known of the log and of the list of gates.
type head struct {
	identity           uint64 // of the process that wrote it last
	generation         store.Generation
	state              store.State
	seq, tag           uint64 // of the last entry; the tag is zero until the generation has one
	trimmed            uint64 // every entry up to this one was forgotten in order
	born               uint64 // up to this one entries may be missing
	entries            int    // how many the log must have
	count              uint64 // of all heartbeats and merges
	lease, longest     time.Duration
	retention, leeway  time.Duration
	bounds             store.Bounds
	lag                time.Duration
	begun              int64 // by the server's clock
	anew               bool  // the head was lost, and the log was not open since
	due                bool  // the floor is to be raised: the clock was ahead
	lacks              bool  // a gate that merged held what the log lacks
	expected           int   // gates that know an earlier generation
	merged             map[store.GateID]bool
	live               int    // how many gates the list must have
	unlisted           uint64 // the count of the last heartbeat of a gate that is not to be listed
	format, understood uint64 // what every gate understands, and the count of the last heartbeat that said no more
	turn               store.Turn
}

// NewServer returns an empty server. One read of it returns batch entries at
// the most. Two servers with one seed draw the same generations and tags.
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

// LimitPage bounds what one read returns by bytes as well, as written on the log. One
// entry is returned however long it is.
func (s *Server) LimitPage(bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes = bytes
}

// Hold has reads that find nothing wait so long at the least, whatever they ask for:
// an answer that says nothing is long on its way. Long runs have far fewer of them.
func (s *Server) Hold(patience time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.patience = patience
}

// Limit changes how many sessions the server keeps.
func (s *Server) Limit(limits store.SessionLimits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = limits.OrDefault()
}

// Lag has every head say for how long this server goes on when another was promoted.
func (s *Server) Lag(lag time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag = lag
}

// checked returns the head, after it has made sure that the log is the one that
// the head speaks of. Otherwise it begins a new generation.
func (s *Server) checked() *head {
	h := s.held.head
	if h == nil {
		h = &head{}
		s.held.head = h
	}
	h.lag = s.lag
	// Rule R6: a process that was restarted, promoted or restored may
	// have lost what another acknowledged.
	// Rule R8: an entry or a gate that was lost leaves the head counting too
	// many.
	if h.identity != s.identity || h.entries != len(s.held.log.entries) || h.live != len(s.held.gates) {
		s.begin(h)
	}
	return h
}

// begin begins a generation over what is left.
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
	h.anew = h.anew || h.lease == 0
	// Who was live in an earlier generation is expected to merge in this one.
	h.expected = max(h.expected, h.live)
	if h.unlisted > 0 {
		h.expected = math.MaxInt32 // they are not known, and so never all there
	}
	h.merged = make(map[store.GateID]bool)
	s.held.gates = make(map[store.GateID]listed)
	h.live, h.unlisted = 0, 0
	h.turn = store.Turn{}
	// Rule R2: the counter is never set back, so that no gate's old
	// count comes again. Lease and retention are the fleet's, not the log's.
}

// strayed reports whether the log has gone back since an entry of this generation was
// read at a position: another has its number now, or none. What comes after it tells the
// tag, also where the entry itself was trimmed. About what is left of earlier
// generations nothing is told.
func (s *Server) strayed(h *head, at store.Position) bool {
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
	// What they have applied alike goes by count, which no two share: ids are random,
	// and a seed's order is not.
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

// next counts one heartbeat or merge more.
func (h *head) next() uint64 {
	h.count++
	return h.count
}
