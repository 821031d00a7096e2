package simulation

import (
	"slices"
	"time"
)

// fault is one kind of thing that goes wrong. It takes its length, and has
// mended itself when it returns.
type fault struct {
	name   string
	happen func(w *world, draw *stream, length time.Duration)
}

// faults are all that can go wrong. Those of gates are in gate_faults_test.go,
// those of the server in server_faults_test.go.
var faults = slices.Concat(gateFaults, serverFaults)

// episode is one fault in one run.
type episode struct {
	fault
	number     int
	at, length time.Duration
}

// plan draws the faults of a run. A run has some of the kinds only, so that a
// rare one is not always drowned by the others.
func (w *world) plan() []episode {
	draw := w.of("plan")
	kinds := slices.DeleteFunc(slices.Clone(faults), func(fault) bool { return draw.chance(0.5) })
	traps := traps
	if w.rolls {
		kinds, traps = []fault{{"a rollback in one process", rollback}}, []fault{{"a coup", coup}}
	}
	if len(kinds) == 0 {
		return nil
	}
	episodes := make([]episode, 3+draw.below(20))
	for i := range episodes {
		at := draw.between(w.lease, w.faulty)
		length := draw.between(time.Millisecond, 3*w.lease)
		if draw.chance(0.5) {
			length /= 8
		}
		episodes[i] = episode{pick(draw, kinds), i, at, min(length, w.faulty-at)}
	}
	if w.large {
		at := draw.between(w.lease, w.faulty/2)
		episodes = append(episodes, episode{fault{"amnesia", amnesia}, len(episodes), at, w.lease})
	}
	for range draw.below(8) {
		at, length := draw.between(w.lease, w.faulty), draw.between(w.lease/8, 2*w.lease)
		episodes = append(episodes, episode{pick(draw, traps), len(episodes), at, length})
	}
	return episodes
}

// suffer plays one episode.
func (w *world) suffer(e episode) {
	if !w.sleepUntil(e.at) {
		return
	}
	w.trace.add("", "%s for %v", e.name, e.length)
	e.happen(w, w.stream("fault", e.number), e.length)
}
