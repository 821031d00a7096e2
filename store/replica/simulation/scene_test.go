package simulation

import (
	"slices"
	"time"
)

// pace holds the maximum intervals and lengths of the events in a run.
type pace struct {
	requests, revocations, dumps time.Duration // interval between two
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

// clocksAhead and clocksBehind have gates whose wall clocks are wrong by days, temporarily
// or permanently. The server's clock is right, so one of two clocks is always right.
var (
	clocksAhead  = &profile{name: "ahead", strict: true, faults: slices.Concat(gateFaults, serverFaults, serverLosses, daysOff, daysOff), scene: wrong(ahead)}
	clocksBehind = &profile{name: "behind", strict: true, faults: slices.Concat(gateFaults, serverFaults, serverLosses, daysOff, daysOff), scene: wrong(behind)}
)

// clocks has wrong wall clocks at gates or at the server, never at both.
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

// repeats refreshes sessions, also after their revocation, and revokes them again with the
// new tokens.
var repeats = &profile{name: "repeats", strict: true, faults: operations, scene: func(w *world, draw *stream) {
	slow(w, draw)
	w.refreshes = true
}}

// logins has users that log in again in a session that was revoked up to an instant, and
// revoke it again. Instants come out of order. Some runs last for hours.
var logins = &profile{
	name:   "logins",
	strict: true,
	faults: slices.Concat(gateFaults, serverFaults, serverLosses, operations),
	traps:  traps,
	scene: func(w *world, draw *stream) {
		w.large, w.logins = false, true
		if draw.chance(0.3) {
			slow(w, draw)
		}
	},
}

// mixed is a fleet of gates with different retentions and leeways. The head learns the
// longest retention once, and is never lost.
var mixed = &profile{name: "mixed", faults: operations, scene: func(w *world, draw *stream) {
	slow(w, draw)
	w.life = 2 * w.config.retention
	w.vary = func(c *config, draw *stream) {
		c.retention = pick(draw, []time.Duration{w.life / 2, w.life / 2, w.life})
		c.leeway = pick(draw, []time.Duration{0, leeway, maxLeeway})
	}
}}

// retentions is a fleet whose gates differ in retention and in the tokens that they admit.
var retentions = &profile{
	name:   "retentions",
	faults: slices.Concat(operations, raises, newRetentions, newRetentions, newRetentions),
	scene: func(w *world, draw *stream) {
		slow(w, draw)
		w.life = 2 * w.config.retention // no gate admits all of these yet
		w.vary = func(c *config, draw *stream) {
			c.leeway = pick(draw, []time.Duration{0, leeway, maxLeeway})
		}
	},
}

// leases is a fleet whose gates have different leases, which change during the run.
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

// reloads has gates that admit by an old set, or open the revocation log only on an
// operator's command, until their configuration changes.
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

// acknowledges has some gates that wait for the store alone, until their configuration
// changes.
var acknowledges = &profile{
	name:   "acknowledges",
	faults: slices.Concat(gateFaults, serverFaults, serverLosses, newConfigs, newAcknowledge, newAcknowledge),
	traps:  traps,
	scene: func(w *world, _ *stream) {
		w.large = false
		w.vary = func(c *config, draw *stream) { c.storeOnly, c.byLease = draw.chance(0.3), draw.chance(0.3) }
	},
}

// rollbacks restore an earlier state of the server while its process stays the same.
var rollbacks = &profile{
	name:   "rollbacks",
	faults: slices.Concat(gateFaults, serverFaults, rollbackFaults, rollbackFaults, rollbackFaults),
	traps:  traps,
}

// primaries are failovers during which the old server keeps running for a bounded time,
// which is less than a lease. It stops when its replicas have been unreachable for that
// time.
var primaries = &profile{
	name: "primaries", faults: slices.Concat(gateFaults, serverFaults, failovers, failovers), traps: traps,
	scene: func(w *world, draw *stream) {
		w.large = false
		w.reign = draw.between(w.lease/2, w.lease+2*time.Second)
		w.primary.Lag(w.reign)
	},
}

// split is primaries without that bound: the old server keeps running for longer than a
// lease.
var split = &profile{
	name: "split", faults: slices.Concat(gateFaults, serverFaults, failovers, failovers), traps: traps,
	scene: func(w *world, draw *stream) {
		w.large = false
		w.reign = draw.between(3*w.lease, 4*w.lease)
	},
}

// pages reads the revocation log over a slow network, in pages bounded by bytes.
var pages = &profile{
	name: "pages", faults: slices.Concat(gateFaults, serverFaults, serverLosses), traps: traps,
	scene: func(w *world, draw *stream) {
		w.large, w.bulk = draw.chance(0.3), 4
		w.bandwidth = 1 << 19
		w.primary.LimitPage(1 << (6 + draw.below(11)))
	},
}

// turmoil combines all short faults within seconds, calendar all long ones over hours.
var (
	turmoil = &profile{
		name: "turmoil",
		faults: slices.Concat(gateFaults, gateSteps, serverFaults, serverLosses, serverSteps,
			newConfigs, newStaleness, newAcknowledge, newLeases, rollbackFaults, failovers),
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

// slow makes the run last for hours, with few events per minute. That is long enough for
// sweeps, for whole retentions, and for expired entries to be trimmed.
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
