package simulation

import (
	"slices"
	"time"
)

// fault is one kind of failure. happen lasts for the given length, and returns when the
// failure is over.
type fault struct {
	name   string
	happen func(w *world, draw *stream, length time.Duration)
}

// episode is one fault in one run.
type episode struct {
	fault
	number     int
	at, length time.Duration
}

// plan draws the faults of a run. Each run has only some of the kinds, so that frequent
// faults do not hide rare ones.
func (w *world) plan() (episodes []episode) {
	draw := w.of("plan")
	if w.many > 0 {
		return []episode{{fault{"all data lost without a witness", loseAllWithoutWitness}, 0, w.faulty - 3*w.lease/2, w.lease}}
	}
	kinds := slices.DeleteFunc(slices.Clone(w.profile.faults), func(fault) bool { return draw.chance(0.5) })
	if len(kinds) == 0 {
		return nil
	}
	for range 3 + draw.below(20) {
		at := draw.between(w.lease, w.faulty)
		length := draw.between(time.Millisecond, w.pace.fault)
		if draw.chance(0.5) {
			length /= 8
		}
		episodes = append(episodes, episode{pick(draw, kinds), len(episodes), at, min(length, w.faulty-at)})
	}
	if w.large {
		at := draw.between(w.lease, w.faulty/2)
		episodes = append(episodes, episode{fault{"all data lost without a witness", loseAllWithoutWitness}, len(episodes), at, w.lease})
	}
	for range draw.below(8) {
		if len(w.profile.traps) == 0 {
			break
		}
		at, length := draw.between(w.lease, w.faulty), draw.between(w.lease/8, 2*w.lease)
		episodes = append(episodes, episode{pick(draw, w.profile.traps), len(episodes), at, length})
	}
	return episodes
}

// runEpisode waits for the time of an episode and then runs its fault.
func (w *world) runEpisode(e episode) {
	if !w.sleepUntil(e.at) {
		return
	}
	w.trace.add("", "%s for %v", e.name, e.length)
	e.happen(w, w.stream("fault", e.number), e.length)
}
