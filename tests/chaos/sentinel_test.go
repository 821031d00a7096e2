package chaos

import "testing"

// Attack: end a session after the last entry that a replica received before its promotion,
// and use it. Or use it while one primary replaces another.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		name     string
		start    func(*testing.T) (w *watched, words string)
		failover func(*watched, *testing.T, *Fleet) []Session
		after    func(*watched)
	}{
		{"a replica is promoted under load", trio, (*watched).handOver, func(*watched) {}},
		{"a replica that lacks the last revocations is promoted", pair, (*watched).dieAhead, func(*watched) {}},
		{"the primary hangs, and goes on when its replica was promoted", trio, (*watched).hang, (*watched).goOn},
	} {
		w, words := s.start(t)
		store := w.store(w.sentinel.Addr(), words)
		play(t, StartGates(t, []string{store, store, store}, guardedLease), []scenario{{s.name, replaced, func(t *testing.T, f *Fleet) {
			ended := s.failover(w, t, f)
			w.promoted(t)
			s.after(w)
			stayOver(t, f, ended)
			f.Redis = w.replica
			checkOnLog(t, f, ended)
		}}})
	}
}

// trio is the recommended setup.
func trio(t *testing.T) (*watched, string) { return startWatched(t, 2, minReplicas), "" }

// pair is a primary that continues without its replica.
func pair(t *testing.T) (*watched, string) { return startWatched(t, 1), "allow_split_brain" }

// handOver makes the sentinel promote the replica, which has received everything.
func (w *watched) handOver(t *testing.T, f *Fleet) []Session {
	ended := endSome(t, f)
	w.sentinel.Do("SENTINEL", "FAILOVER", master)
	return ended
}

// dieAhead makes the primary take revocations that the replica never receives, and kills
// it.
func (w *watched) dieAhead(t *testing.T, f *Fleet) []Session {
	w.primary.Do("ACL", "SETUSER", "replica", "off")
	w.primary.Do("CLIENT", "KILL", "TYPE", "replica")
	ended := endSome(t, f)
	const log = "{session_gate:chaos}:log"
	if had, lacks := w.primary.Do("XLEN", log).(int64), w.replica.Do("XLEN", log).(int64); lacks >= had {
		t.Errorf("the replica has %d entries of %d: it lacks none", lacks, had)
	}
	w.primary.Stop()
	return ended
}

// hang stops the primary with all data that the gates have sent it. goOn makes it answer
// that later, as if it was still the primary.
func (w *watched) hang(t *testing.T, f *Fleet) []Session {
	ended := endSome(t, f)
	w.primary.Freeze()
	return ended
}

func (w *watched) goOn() { w.primary.Thaw() }
