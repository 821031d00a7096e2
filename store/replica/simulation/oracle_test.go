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

// oracle knows what was promised, and finds who breaks it.
type oracle struct {
	world *world

	mu         sync.Mutex
	promises   []*promise
	asked      []store.Revocation // by whomever, answered or not
	violations []string
	admitted   int // requests
	refused    int
	spurious   int  // refused for no reason
	lost       int  // promises that the product does not make, see excuse
	failed     int  // revocations that were answered 503
	lossy      bool // the server has lost something
	forgotten  bool // and nobody could tell what, once
}

// promise is one 200, or the 404 of a repeat.
type promise struct {
	revocation store.Revocation
	answer     string // with its gate
	at         moment
	// covers is when the call began: tokens of a session that were issued later are
	// their issuer's fault.
	covers time.Duration
	lost   bool
}

// names reports whether the promise is about a token.
func (p *promise) names(t *token) bool {
	return t.namedBy(p.revocation) && (p.revocation.Kind.HasInstant() || t.made <= p.covers)
}

// try returns a token that the promise is about, often the one that expires last.
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

func newOracle(w *world) *oracle { return &oracle{world: w} }

// mention notes that somebody asks for a revocation.
func (w *world) mention(r store.Revocation) {
	w.oracle.mu.Lock()
	defer w.oracle.mu.Unlock()
	w.oracle.asked = append(w.oracle.asked, r)
}

// lose notes that the server loses something.
func (w *world) lose() {
	w.oracle.mu.Lock()
	defer w.oracle.mu.Unlock()
	w.oracle.lossy = true
}

// promise notes that a client was told so now, by a call that began at a time.
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

// leaseForgotten reports whether a gate still goes by a longer lease than the store was
// told of: the head was lost while all who knew that lease were cut off, and made anew
// by a gate with a shorter one in its configuration. That is not promised.
func (w *world) leaseForgotten() bool {
	if !w.leases {
		return false
	}
	told := w.server().Peek().Longest
	for _, g := range w.livingGates() {
		if g.replica.Status().Lease > told {
			return true
		}
	}
	return false
}

// broken returns a promise that forbids to admit a request that started at a
// time, or nil.
func (o *oracle) broken(t *token, started moment) *promise {
	for _, p := range o.promises {
		if !p.lost && p.at.turn < started.turn && p.names(t) {
			return p
		}
	}
	return nil
}

// judge takes up what became of a request: the one sentence that all of this is
// about. After the 200 of a revocation, no gate admits a request that starts
// later with a token that it names.
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

// judgeRefusal counts a refusal that is nobody's wish: of a token that has not expired,
// and that no revocation names which was ever asked for. After a loss of which no gate
// can tell what was lost, gates may ask everybody to log in again.
func (o *oracle) judgeRefusal(g *gate, t *token, verdict replica.Verdict) {
	if o.forgotten || verdict&replica.Unavailable != 0 || o.world.now() >= t.over || t.named.Load() {
		return
	}
	if slices.ContainsFunc(o.asked, t.namedBy) {
		t.named.Store(true)
		return
	}
	o.spurious++
	if off := g.clock.off(); o.world.profile.strict && off.Abs() <= clockSkew {
		o.violateLocked("%s refuses %s at %v for %v, and nobody revoked it", g.name, t.name, o.world.now(), verdict)
	}
}

// violate notes what must not happen.
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

// latest returns the promises to try gates by: the newest and a few others.
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

// opened is called when a generation is opened.
// What is promised then and not on the log may be lost without a broken promise.
//
// README, "Not promised": entries that the store lost and that no gate merging
// within two leases holds. A gate that was well since the generation began, or
// a witness, does merge: neither is an excuse.
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
			holders = now[p] // by a server that was replaced
		}
		return slices.ContainsFunc(holders, func(g *gate) bool { return g.healthy(e.began) })
	})
}

// forget notes what is lost: neither on the log nor held.
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
			o.world.trace.add("", "lost with all who held it: %v of %v", p.revocation.Kind, p.revocation.Key)
		}
	}
}

// onLog reports whether the log holds a revocation, or one that implies it.
func onLog(log []store.Entry, r store.Revocation) bool {
	for _, entry := range log {
		for _, on := range entry.Revocations {
			if on.Kind == r.Kind && on.Key == r.Key && on.Except == r.Except && on.NotBefore >= r.NotBefore {
				return true
			}
		}
	}
	return false
}

// holders returns for each promise the gates that refuse all that it names. What a gate
// is asked to revoke later may name the same, and need not be merged.
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
