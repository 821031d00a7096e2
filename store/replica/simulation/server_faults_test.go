package simulation

import "time"

// serverFaults are faults of the server. It keeps its data.
var serverFaults = []fault{
	{"a frozen server", func(w *world, _ *stream, length time.Duration) {
		defer w.serverFault()()
		w.freeze(length)
	}},
	{"an unreachable server", func(w *world, _ *stream, length time.Duration) {
		defer w.serverFault()()
		w.away(length)
	}},
	{"a restart", func(w *world, _ *stream, length time.Duration) {
		defer w.serverFault()()
		w.server().Restart()
		w.away(length / 4)
	}},
}

// serverLosses are losses of the server's data.
var serverLosses = []fault{
	{"an empty restart", func(w *world, _ *stream, length time.Duration) {
		defer w.serverFault()()
		w.lose()
		w.server().RestartEmpty()
		w.away(length / 4)
	}},
	{"an old dump", func(w *world, draw *stream, length time.Duration) {
		defer w.serverFault()()
		w.lose()
		w.mu.Lock()
		dumps := w.dumps
		w.mu.Unlock()
		if len(dumps) > 0 {
			w.server().Restore(pick(draw, dumps))
		}
		w.away(length / 4)
	}},
	{"a failover to a replica that lags", func(w *world, draw *stream, length time.Duration) {
		dump := w.server().Dump()
		w.sleep(min(length, draw.between(time.Millisecond, w.lease/4)))
		defer w.serverFault()()
		w.lose()
		w.server().Restore(dump)
	}},
	{"everything flushed", func(w *world, _ *stream, _ time.Duration) {
		defer w.serverFault()()
		w.lose()
		w.server().Flush()
	}},
	{"the log deleted", func(w *world, _ *stream, _ time.Duration) {
		defer w.serverFault()()
		w.lose()
		w.server().DropLog()
	}},
	{"the head deleted", func(w *world, _ *stream, _ time.Duration) {
		defer w.serverFault()()
		w.lose()
		w.server().DropHead()
	}},
	{"an entry deleted", func(w *world, draw *stream, _ time.Duration) {
		defer w.serverFault()()
		w.lose()
		if log := w.server().Log(); len(log) > 0 {
			w.server().DropEntry(log[draw.below(len(log))].Position.Seq)
		}
	}},
	{"the newest entry deleted", func(w *world, _ *stream, _ time.Duration) {
		defer w.serverFault()()
		w.lose()
		if log := w.server().Log(); len(log) > 0 {
			w.server().DropEntry(log[len(log)-1].Position.Seq)
		}
	}},
	{"the list of gates deleted", func(w *world, _ *stream, _ time.Duration) {
		defer w.serverFault()()
		w.server().DropGates()
	}},
	{"an unreadable entry", func(w *world, _ *stream, length time.Duration) {
		defer w.serverFault()()
		w.server().Poison()
		w.sleep(length)
		w.server().Cure()
	}},
}

// serverSteps set the server's wall clock.
var serverSteps = []fault{
	{"a step of the server's clock", func(w *world, draw *stream, _ time.Duration) {
		w.server().StepClock(draw.between(-10*time.Minute, 10*time.Minute))
	}},
}
