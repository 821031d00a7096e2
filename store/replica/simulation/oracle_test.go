package simulation

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// oracle records every promise and finds the gates that break one.
type oracle struct {
	world *world

	mu         sync.Mutex
	promises   []*promise
	asked      []store.Revocation // by any client, answered or not
	violations []string
	admitted   int // requests
	refused    int
	spurious   int  // refused for no reason
	lost       int  // promises that the product does not make, see opened
	failed     int  // revocations that were answered 503
	lossy      bool // the server has lost data
	forgotten  bool // no gate could tell what was lost
	// forGood are the sessions that a gate put on the log for good. A gate that does not know
	// that all others understand instants does so for a session by instant.
	forGood map[store.Key]bool
}

// promise is one 200, or the 404 of a repeated call.
type promise struct {
	revocation store.Revocation
	answer     string // names the gate, too
	at         moment
	// covers is the start of the call. The issuer is responsible for tokens of the session
	// that it issues later.
	covers time.Duration
	lost   bool
}

// names reports whether the promise covers a token.
func (p *promise) names(t *token) bool {
	return t.namedBy(p.revocation) && (p.revocation.Kind.HasInstant() || t.made <= p.covers)
}

// try returns a token that the promise covers, often the one that expires last.
func (p *promise) try(tokens []*token, draw *stream) (chosen *token) {
	named := 0
	for _, t := range tokens {
		if p.names(t) {
			named++
			if chosen == nil || t.over > chosen.over {
				chosen = t
			}
		}
	}
	if named < 2 || draw.chance(0.5) {
		return chosen
	}
	n := draw.below(named)
	for _, t := range tokens {
		if p.names(t) {
			if n == 0 {
				return t
			}
			n--
		}
	}
	return chosen
}

func newOracle(w *world) *oracle { return &oracle{world: w, forGood: make(map[store.Key]bool)} }

// mention records that a client asks for a revocation.
func (w *world) mention(r store.Revocation) {
	w.oracle.mu.Lock()
	defer w.oracle.mu.Unlock()
	w.oracle.asked = append(w.oracle.asked, r)
}

// lose records that the server loses data.
func (w *world) lose() {
	w.oracle.mu.Lock()
	defer w.oracle.mu.Unlock()
	w.oracle.lossy = true
}

// promise records that a client now gets an answer to a call that began at a given time.
func (o *oracle) promise(r store.Revocation, answer string, began time.Duration) {
	forgotten := o.world.leaseForgotten()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.promises {
		if p.revocation.Key == r.Key && p.revocation.Except == r.Except && p.revocation.NotBefore == r.NotBefore && !o.world.refreshes {
			if p.lost && !forgotten {
				p.lost, p.at, p.answer = false, o.world.moment(), answer
			}
			return
		}
	}
	p := &promise{revocation: r, answer: answer, at: o.world.moment(), covers: began, lost: forgotten}
	if p.lost {
		o.lost++
	}
	o.promises = append(o.promises, p)
}

// leaseForgotten reports whether a gate uses a longer lease than the store knows. That
// happens if the head is lost while all gates that know the lease are cut off, and a gate
// with a shorter configured lease creates the new head. The product does not promise that
// case.
func (w *world) leaseForgotten() bool {
	if !w.leases {
		return false
	}
	known := w.server().Peek().Longest
	for _, g := range w.livingGates() {
		if g.replica.Status().Lease > known {
			return true
		}
	}
	return false
}

// broken returns a promise that forbids admitting a request that started at a given time,
// or nil.
func (o *oracle) broken(t *token, started moment) *promise {
	for _, p := range o.promises {
		if !p.lost && p.at.turn < started.turn && p.names(t) {
			return p
		}
	}
	return nil
}

// judge checks the verdict about a request against the central promise. After the 200 of a
// revocation, no gate admits a request that starts later with a token that the revocation
// names.
func (o *oracle) judge(ask request, verdict replica.Verdict) {
	g, t := ask.gate, ask.token
	stale := ask.stale || g.configured().staleness > 0
	o.mu.Lock()
	defer o.mu.Unlock()
	if verdict != replica.Clear {
		o.refused++
		o.judgeRefusal(g, t, verdict)
		return
	}
	o.admitted++
	if p := o.broken(t, ask.started); p != nil && !stale {
		o.violateLocked("%s admits %s at %v by a request that started at %v, after the %s of %v at %v; its clock is off by %v",
			g.name, t.name, o.world.now(), ask.started.at, p.answer, p.revocation.Kind, p.at.at, g.clock.off())
	}
}

// judgeRefusal counts a refusal without a reason: the token has not expired, and no
// requested revocation names it. After a loss whose extent no gate can tell, gates may
// require every client to log in again.
func (o *oracle) judgeRefusal(g *gate, t *token, verdict replica.Verdict) {
	if o.forgotten || verdict&replica.Unavailable != 0 || o.world.now() >= t.over || t.named.Load() {
		return
	}
	if slices.ContainsFunc(o.asked, t.namedBy) || o.forGood[t.session] || o.forGood[t.login] {
		t.named.Store(true)
		return
	}
	o.spurious++
	if off := g.clock.off(); o.world.profile.strict && off.Abs() <= clockSkew {
		o.violateLocked("%s refuses %s at %v for %v, although it was never revoked", g.name, t.name, o.world.now(), verdict)
	}
}

// violate records a violation.
func (o *oracle) violate(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.violateLocked(format, args...)
}

func (o *oracle) violateLocked(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	o.violations = append(o.violations, text)
	o.world.trace.add("", "VIOLATION %s", text)
	o.world.end() // one is enough
}

// fail notes a revocation that was answered 503.
func (o *oracle) fail() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failed++
}

// latest returns the promises to test: the newest and some others.
func (o *oracle) latest(draw *stream) (some []*promise) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := len(o.promises)
	some = append(some, o.promises[max(0, n-4):]...)
	for range min(n, 4) {
		some = append(some, o.promises[draw.below(n)])
	}
	return some
}

// opened is called when a generation of the revocation log is opened. Promised revocations
// that are not on it may then be lost without a broken promise.
//
// README, "Not promised": entries that the store lost and that no gate merging within two
// leases holds. A gate that was healthy since the generation began merges, and so does a
// witness. For them a lost entry is not excused.
func (o *oracle) opened(e *epoch, server *model.Server, byWitness bool) {
	if byWitness {
		return
	}
	o.mu.Lock()
	o.forgotten = o.forgotten || o.lossy
	o.mu.Unlock()
	now := o.holders()
	o.forget(server, func(p *promise) bool {
		holders := e.holders[p]
		if p.at.at > e.began {
			holders = now[p] // made by a server that was replaced
		}
		return slices.ContainsFunc(holders, func(g *gate) bool { return g.healthy(e.began) })
	})
}

// forget marks promises as lost that are neither on the revocation log nor held.
func (o *oracle) forget(server *model.Server, held func(*promise) bool) {
	log := server.Log()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.promises {
		if p.lost || onLog(log, p.revocation) || held(p) {
			continue
		}
		p.lost = true
		if p.revocation.Expires > time.Now().Unix() {
			o.lost++
			o.world.trace.add("", "lost with every gate that held it: %v of %v", p.revocation.Kind, p.revocation.Key)
		}
	}
}

// onLog reports whether the revocation log holds a revocation, or another that implies it.
func onLog(log []store.Entry, r store.Revocation) bool {
	for _, entry := range log {
		for _, on := range entry.Revocations {
			if on.Kind == r.Kind && on.Key == r.Key && on.Except == r.Except && reaches(on, r) {
				return true
			}
		}
	}
	return false
}

// holders returns, for each promise, the gates that refuse every token that it covers. A
// gate may get the same revocation later, and need not have merged it.
func (o *oracle) holders() map[*promise][]*gate {
	tokens, gates := o.world.allTokens(), o.world.everyGate()
	o.mu.Lock()
	defer o.mu.Unlock()
	holders := make(map[*promise][]*gate)
	for _, p := range o.promises {
		for _, g := range gates {
			if g.started() && !slices.ContainsFunc(tokens, func(t *token) bool {
				return p.names(t) && g.replica.Look(g.keysOf(t)) == replica.Clear
			}) {
				holders[p] = append(holders[p], g)
			}
		}
	}
	return holders
}
