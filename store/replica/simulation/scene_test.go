package simulation

import (
	"slices"
	"time"
)

// pace is how often things happen in a run, and for how long. All are the longest.
type pace struct {
	requests, revocations, dumps time.Duration // between two
	fault                        time.Duration
}

// storms are many faults at once, within seconds. No token and no revocation expires.
var storms = &profile{
	name:   "storms",
	strict: true,
	faults: slices.Concat(gateFaults, gateSteps, serverFaults, serverLosses, serverSteps),
	traps:  traps,
}

// ordinary is what operators do, over whole retentions.
var ordinary = &profile{name: "ordinary", faults: slices.Concat(operations, raises), strict: true, scene: func(w *world, draw *stream) {
	slow(w, draw)
	w.apart = time.Second
}}

// seasons are the faults of storms over whole retentions.
var seasons = &profile{
	name:   "seasons",
	strict: true,
	faults: slices.Concat(gateFaults, serverFaults, serverLosses, operations, nudges),
	scene:  slow,
}

// clocksAhead and clocksBehind are wall clocks of gates that are wrong by days, for a
// while or for good. The server's is right, so that one of two clocks always is.
var (
	clocksAhead  = &profile{name: "ahead", strict: true, faults: slices.Concat(gateFaults, serverFaults, serverLosses, daysOff, daysOff), scene: wrong(ahead)}
	clocksBehind = &profile{name: "behind", strict: true, faults: slices.Concat(gateFaults, serverFaults, serverLosses, daysOff, daysOff), scene: wrong(behind)}
)

// clocks are the wall clocks of gates, or that of the server, but never both.
var clocks = &profile{
	name:   "clocks",
	strict: true,
	faults: slices.Concat(gateFaults, serverFaults, serverLosses, daysOff, daysOff, serverDaysOff, serverDaysOff),
	scene:  wrong(either),
}

func wrong(by func(*stream) time.Duration) func(*world, *stream) {
	return func(w *world, draw *stream) {
		slow(w, draw)
		w.off = by
	}
}

// repeats are sessions that get more tokens, also after they were revoked, and are
// revoked again with them.
var repeats = &profile{name: "repeats", strict: true, faults: operations, scene: func(w *world, draw *stream) {
	slow(w, draw)
	w.refreshes = true
}}

// mixed is a fleet of gates with different retentions and leeways. The longest retention
// is heard of once, and the head that knows it is never lost.
var mixed = &profile{name: "mixed", faults: operations, scene: func(w *world, draw *stream) {
	slow(w, draw)
	w.life = 2 * w.config.retention
	w.vary = func(c *config, draw *stream) {
		c.retention = pick(draw, []time.Duration{w.life / 2, w.life / 2, w.life})
		c.leeway = pick(draw, []time.Duration{0, leeway, maxLeeway})
	}
}}

// retentions are gates that keep revocations, and admit tokens, for different times.
var retentions = &profile{
	name:   "retentions",
	faults: slices.Concat(operations, raises, newRetentions, newRetentions, newRetentions),
	scene: func(w *world, draw *stream) {
		slow(w, draw)
		w.life = 2 * w.config.retention // of which no gate admits all, yet
		w.vary = func(c *config, draw *stream) {
			c.leeway = pick(draw, []time.Duration{0, leeway, maxLeeway})
		}
	},
}

// leases are gates with different leases, which are changed while they run.
var leases = &profile{
	name:   "leases",
	faults: slices.Concat(gateFaults, serverFaults, serverLosses, newConfigs, newLeases, newLeases),
	traps:  traps,
	scene: func(w *world, draw *stream) {
		w.large, w.leases = false, true
		w.longest = 4 * w.lease
		w.vary = func(c *config, draw *stream) {
			c.lease = pick(draw, []time.Duration{w.lease, w.lease, w.longest})
		}
	},
}

// reloads are gates that admit by an old set, or open a log without a witness by the
// operator's word only, until their configuration is changed.
var reloads = &profile{
	name:   "reloads",
	faults: slices.Concat(gateFaults, serverFaults, serverLosses, newConfigs, newStaleness, newStaleness),
	traps:  traps,
	scene: func(w *world, _ *stream) {
		w.large = false
		w.vary = func(c *config, draw *stream) {
			c.manual = draw.chance(0.3)
			if c.staleness = 0; draw.chance(0.3) {
				c.staleness = 20 * w.lease
			}
		}
	},
}

// acknowledges are gates of which some wait for the store alone, until their
// configuration is changed.
var acknowledges = &profile{
	name:   "acknowledges",
	faults: slices.Concat(gateFaults, serverFaults, serverLosses, newConfigs, newAcknowledge, newAcknowledge),
	traps:  traps,
	scene: func(w *world, _ *stream) {
		w.large = false
		w.vary = func(c *config, draw *stream) { c.storeOnly, c.byLease = draw.chance(0.3), draw.chance(0.3) }
	},
}

// rollbacks take the state of the server back while the process stays the same.
var rollbacks = &profile{
	name:   "rollbacks",
	faults: slices.Concat(gateFaults, serverFaults, returns, returns, returns),
	traps:  traps,
}

// primaries are failovers during which the old server goes on for as long as its
// replicas may be out of reach, which is less than a lease.
var primaries = &profile{
	name: "primaries", faults: slices.Concat(gateFaults, serverFaults, failovers, failovers), traps: traps,
	scene: func(w *world, draw *stream) {
		w.large = false
		w.reign = draw.between(w.lease/2, w.lease+2*time.Second)
		w.primary.Lag(w.reign)
	},
}

// split is primaries without a bound: the old server goes on for longer than a lease.
var split = &profile{
	name: "split", faults: slices.Concat(gateFaults, serverFaults, failovers, failovers), traps: traps,
	scene: func(w *world, draw *stream) {
		w.large = false
		w.reign = draw.between(3*w.lease, 4*w.lease)
	},
}

// pages is a log that is read by a slow network, in pages that are cut by bytes.
var pages = &profile{
	name: "pages", faults: slices.Concat(gateFaults, serverFaults, serverLosses), traps: traps,
	scene: func(w *world, draw *stream) {
		w.large, w.bulk = draw.chance(0.3), 4
		w.bandwidth = 1 << 19
		w.primary.LimitPage(1 << (6 + draw.below(11)))
	},
}

// turmoil is all of it within seconds, and calendar all of it over hours.
var (
	turmoil = &profile{
		name: "turmoil",
		faults: slices.Concat(gateFaults, gateSteps, serverFaults, serverLosses, serverSteps,
			newConfigs, newStaleness, newAcknowledge, newLeases, returns, failovers),
		traps: traps,
		scene: func(w *world, draw *stream) {
			leases.scene(w, draw)
			primaries.scene(w, draw)
			lease := w.vary
			w.vary = func(c *config, draw *stream) {
				lease(c, draw)
				c.storeOnly, c.manual = draw.chance(0.2), draw.chance(0.1)
				if c.staleness = 0; draw.chance(0.2) {
					c.staleness = 20 * w.lease
				}
			}
		},
	}
	calendar = &profile{
		name:   "calendar",
		faults: slices.Concat(gateFaults, serverFaults, serverLosses, operations, raises, daysOff, serverDaysOff, newRetentions),
		scene: func(w *world, draw *stream) {
			retentions.scene(w, draw)
			w.off, w.refreshes = either, true
		},
	}
)

// slow has the run last for hours, with few events a minute: long enough for sweeps,
// for whole retentions, and for what has expired to be trimmed off the log.
func slow(w *world, draw *stream) {
	w.large = false
	w.lease = draw.between(40*time.Second, 90*time.Second)
	w.longest = w.lease
	w.config.lease, w.config.retention = w.lease, draw.between(20*time.Minute, 80*time.Minute).Truncate(time.Minute)
	w.life = w.config.retention
	w.faulty = draw.between(2*time.Hour, 5*time.Hour)
	w.pace = pace{
		requests: 3 * time.Minute, revocations: 6 * time.Minute, dumps: 40 * time.Minute,
		fault: w.config.retention / 2,
	}
	w.disciplined, w.apart, w.lead, w.dial = true, 30*time.Second, 20*time.Second, time.Second
	w.primary.Hold(w.lease / 5)
}
