package chaos

import (
	"net/http"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// policyAsked is how often heartbeats ask for Redis's eviction policy, as redisstore's
// Heartbeat promises. A heartbeat that did not ask may extend a lease this long after the
// policy was changed. That loses nothing, because an evicted revocation log has another
// generation.
const policyAsked = 50 * time.Millisecond

// Attack: make Redis forget revocations, or make it unreachable. The worst answer is 503.
func TestRedisFaults(t *testing.T) {
	t.Parallel()
	play(t, StartFleet(t, 3, Logged()), []scenario{
		{"frozen for less than a lease", witnessed, away(Lease*2/5, (*redistest.Server).Freeze, (*redistest.Server).Thaw)},
		{"frozen for more than a lease", witnessed, away(Lease*3/2, (*redistest.Server).Freeze, (*redistest.Server).Thaw)},
		{"killed, and back within a lease", witnessed, away(Lease*2/5, (*redistest.Server).Stop, (*redistest.Server).Restart)},
		{"killed, and back after more than a lease", unwitnessed, away(Lease*3/2, (*redistest.Server).Stop, (*redistest.Server).Restart)},
		{"flushed", witnessed, flushed},
		{"flushed again and again", witnessed, func(t *testing.T, f *Fleet) {
			ended := endSome(t, f)
			for range 20 {
				f.Redis.Do("FLUSHALL")
				lasts(Lease / 20)
			}
			stayOver(t, f, ended)
		}},
		{"killed, and back with nothing", witnessed, lost(0, "")},
		{"killed, and back with nothing after more than a lease", unwitnessed, lost(Lease*3/2, "")},
		{"killed, and back as it was before", witnessed, func(t *testing.T, f *Fleet) {
			lost(0, f.copyLog(t))(t, f)
		}},
		{"set to evict", witnessed, func(t *testing.T, f *Fleet) {
			ended := endSome(t, f)
			f.Redis.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
			fenced(t, f, time.Now().Add(policyAsked))
			notConfirmed(t, f, 0, f.NewSession())
			f.Redis.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
			stayOver(t, f, ended)
		}},
		{"full", witnessed, full},
		{"trimmed to its last entry", witnessed, func(t *testing.T, f *Fleet) {
			ended := endSome(t, f)
			f.Redis.Do("XTRIM", "{session_gate:chaos}:log", "MAXLEN", "1")
			stayOver(t, f, ended)
			checkOnLog(t, f, ended)
		}},
		{"rid of its scripts", witnessed, func(t *testing.T, f *Fleet) {
			for i := range 20 {
				f.Redis.Do("SCRIPT", "FLUSH")
				over(t, f, i%len(f.Gates), f.NewSession())
			}
		}},
	})
}

// away makes Redis unreachable for all gates for some time.
func away(d time.Duration, begin, end func(*redistest.Server)) func(*testing.T, *Fleet) {
	return func(t *testing.T, f *Fleet) {
		ended, tried := endSome(t, f), f.NewSession()
		begin(f.Redis)
		since := time.Now()
		lasts(d / 4)
		reply := f.End(0, tried)
		if d > 2*Lease/3 {
			if reply.Status == http.StatusOK {
				t.Error("a DELETE was confirmed without Redis")
			}
			fenced(t, f, since)
		}
		lasts(time.Until(since.Add(d)))
		end(f.Redis)
		stayOver(t, f, ended)
		refuses(t, f, tried) // nobody repeats the DELETE
	}
}

// lost kills Redis, and starts it after some time with a backup of its data, or without
// any.
func lost(after time.Duration, backup string) func(*testing.T, *Fleet) {
	return func(t *testing.T, f *Fleet) {
		ended := endSome(t, f)
		f.Redis.Stop()
		lasts(after)
		f.returns(t, backup)
		stayOver(t, f, ended)
		checkOnLog(t, f, ended)
	}
}

// flushed: a new gate must also refuse the sessions that the revocation log has lost.
func flushed(t *testing.T, f *Fleet) {
	ended := endSome(t, f)
	f.Redis.Do("FLUSHALL")
	stayOver(t, f, ended)
	checkOnLog(t, f, ended)
}

// checkOnLog starts a gate, which knows only the revocation log. It fails the test unless
// the gate refuses the sessions from its first answer that is not 503.
func checkOnLog(t *testing.T, f *Fleet, ended []Session) {
	t.Helper()
	fresh := f.Join(t)
	stayOver(t, fresh, ended)
	fresh.Gates[0].Stop()
}

// full: a revocation that cannot be written is not confirmed. The revocation log is still
// read.
func full(t *testing.T, f *Fleet) {
	s := f.NewSession()
	f.Redis.Do("CONFIG", "SET", "maxmemory", "1")
	notConfirmed(t, f, 0, s)
	lasts(Lease)
	f.admits(t, Slack) // nobody else can end a session, so all gates may continue
	f.Redis.Do("CONFIG", "SET", "maxmemory", "0")
	refuses(t, f, s)
	over(t, f, 1, s)
}
