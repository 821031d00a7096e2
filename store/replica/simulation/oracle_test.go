package simulation

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// oracle knows what was promised, and finds who breaks it.
type oracle struct {
	world *world

	mu         sync.Mutex
	promises   []*promise
	violations []string
	admitted   int // requests
	refused    int
	lost       int // promises that the product does not make, see excuse
	failed     int // revocations that were answered 503
}

// promise is one 200, or one 404 that says that there was one.
type promise struct {
	revocation store.Revocation
	answer     string // with its gate
	at         moment
	lost       bool
	// doubted is when the log went back to before it, zero if it did not.
	doubted time.Duration
}

func newOracle(w *world) *oracle { return &oracle{world: w} }

// promise notes that a client was told so now.
func (o *oracle) promise(r store.Revocation, answer string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.promises {
		if p.revocation.Key == r.Key && p.revocation.Except == r.Except && p.revocation.NotBefore == r.NotBefore {
			if (p.lost || p.doubted > 0) && answer[0] == '2' {
				p.lost, p.doubted, p.at, p.answer = false, 0, o.world.moment(), answer
			}
			return
		}
	}
	o.promises = append(o.promises, &promise{revocation: r, answer: answer, at: o.world.moment()})
}

// broken returns a promise that forbids to admit a request that started at a
// time, or nil.
func (o *oracle) broken(t *token, started moment) *promise {
	for _, p := range o.promises {
		if !p.lost && p.at.turn < started.turn && t.namedBy(p.revocation) && !o.doubts(p) {
			return p
		}
	}
	return nil
}

// judge takes up what became of a request: the one sentence that all of this is
// about. After the 200 of a revocation, no gate admits a request that starts
// later with a token that it names.
func (o *oracle) judge(g *gate, t *token, started moment, verdict replica.Verdict) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if verdict != replica.Clear {
		o.refused++
		return
	}
	o.admitted++
	if p := o.broken(t, started); p != nil {
		o.violateLocked("%s admits %s at %v by a request that started at %v, after the %s of %v at %v",
			g.name, t.name, o.world.now(), started.at, p.answer, p.revocation.Kind, p.at.at)
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

// opened is called when a generation that began at a time of the run is opened.
// What is promised then and not on the log may be lost without a broken promise.
//
// DESIGN, "Not promised": entries that the store lost and that no gate merging
// within two leases holds. A gate that was well since the generation began, or
// a witness, does merge: neither is an excuse.
func (o *oracle) opened(began time.Duration, byWitness bool) {
	if byWitness {
		return
	}
	log := o.world.server.Log()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.promises {
		if !p.lost && !onLog(log, p.revocation) && !o.heldInHealth(p, began) {
			p.lost = true
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

// heldInHealth reports whether a gate refuses all that was promised, and was well
// all the time.
func (o *oracle) heldInHealth(p *promise, since time.Duration) bool {
	tokens := o.world.allTokens()
	return slices.ContainsFunc(o.world.everyGate(), func(g *gate) bool {
		return g.healthy(since) && !slices.ContainsFunc(tokens, func(t *token) bool {
			return t.namedBy(p.revocation) && g.replica.Look(t.keys()) == replica.Clear
		})
	})
}
