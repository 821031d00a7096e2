package replica

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// sessionUpTo returns the revocation of a session up to an instant; 0 is for good.
func sessionUpTo(k store.Key, instant int64) store.Revocation {
	return store.Revocation{Kind: store.KindSession, Key: k, NotBefore: instant, Expires: 1 << 31}
}

func TestASessionIsRevokedUpToAnInstant(t *testing.T) {
	session, login, other := numbered(1), numbered(2), numbered(3)
	for _, c := range []struct {
		name     string
		revoked  []store.Revocation
		authTime int64
		want     Verdict
	}{
		{"before the instant", []store.Revocation{sessionUpTo(session, 200)}, 199, BySession},
		// `auth_time` is in whole seconds: the authentication may have been before the logout.
		{"in its second", []store.Revocation{sessionUpTo(session, 200)}, 200, BySession},
		{"after it", []store.Revocation{sessionUpTo(session, 200)}, 201, Clear},
		// Attack: leave the time of the authentication out, to pass for a later one.
		{"without a time", []store.Revocation{sessionUpTo(session, 200)}, 0, BySession},
		{"with a time before 1970", []store.Revocation{sessionUpTo(session, 200)}, -5, BySession},
		{"for good", []store.Revocation{sessionUpTo(session, 0)}, 201, BySession},
		{"for good, far in the future", []store.Revocation{sessionUpTo(session, 0)}, 1 << 40, BySession},
		{"another session", []store.Revocation{sessionUpTo(other, 0)}, 100, Clear},
		{"its login", []store.Revocation{sessionUpTo(login, 0)}, 100, BySession},
		{"its login up to an instant", []store.Revocation{sessionUpTo(login, 100)}, 100, BySession},
		{"its login up to an earlier instant", []store.Revocation{sessionUpTo(login, 99)}, 100, Clear},
		{"both", []store.Revocation{sessionUpTo(session, 100), sessionUpTo(login, 0)}, 100, BySession},
		{"a later instant after an earlier one", []store.Revocation{sessionUpTo(session, 100), sessionUpTo(session, 200)}, 150, BySession},
		// Attack: revoke an old login of a session again, to let in the tokens of a newer one
		// that was revoked since.
		{"an earlier instant after a later one", []store.Revocation{sessionUpTo(session, 200), sessionUpTo(session, 100)}, 150, BySession},
		{"an instant after for good", []store.Revocation{sessionUpTo(session, 0), sessionUpTo(session, 100)}, 150, BySession},
		{"for good after an instant", []store.Revocation{sessionUpTo(session, 100), sessionUpTo(session, 0)}, 150, BySession},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSet()
			for _, r := range c.revoked {
				s.add([]store.Revocation{r}, true)
			}
			token := &store.Keys{Session: session, Login: login, AuthTime: c.authTime, IssuedAt: 1, Expires: 1 << 31}
			for range 2 { // the second look uses the cached verdict
				if got := s.look(token); got != c.want {
					t.Errorf("found %v, want %v", got, c.want)
				}
			}
		})
	}
}

// A token whose only session is its login is spared by an exception for that login. A token
// with a session claim is not, because the login is not what names it.
func TestAnExceptionSparesTheFirstSessionOfAToken(t *testing.T) {
	session, login, subject := numbered(1), numbered(2), numbered(3)
	for name, c := range map[string]struct {
		token *store.Keys
		want  Verdict
	}{
		"the login alone":     {&store.Keys{Login: login}, Clear},
		"the login is second": {&store.Keys{Session: session, Login: login}, BySubject},
		"another login":       {&store.Keys{Login: numbered(4)}, BySubject},
	} {
		s := newSet()
		s.add([]store.Revocation{revokedUpTo(subject, store.KindSubject, 2000, login)}, true)
		c.token.Subject, c.token.IssuedAt, c.token.Expires = subject, 1000, 1<<31
		if got := s.look(c.token); got != c.want {
			t.Errorf("%s: found %v, want %v", name, got, c.want)
		}
	}
}

// Attack: use a token of the second login of a session, so that its verdict "clear" is
// cached, log out again, and go on with the token. The session was in the set before, and
// only its instant is new.
func TestATokenThatWasClearIsLookedAtAgainWhenTheInstantIsRaised(t *testing.T) {
	s := newSet()
	session := numbered(1)
	for instant := int64(100); instant < 10_000; instant++ {
		token := &store.Keys{Session: session, AuthTime: instant, IssuedAt: 1, Expires: 1 << 31}
		if got := s.look(token); got != Clear {
			t.Fatalf("found %v before %d was revoked", got, instant)
		}
		s.add([]store.Revocation{sessionUpTo(session, instant)}, instant%2 == 0)
		if got := s.look(token); got != BySession {
			t.Fatalf("found %v right after %d was revoked", got, instant)
		}
	}
	if s.len() != 1 {
		t.Errorf("the set counts %d, want one session", s.len())
	}
}

// An equal or earlier instant changes nothing: neither the version, for which every token
// would be looked at again, nor what is known of the log.
func TestAnInstantThatAddsNothingChangesNothing(t *testing.T) {
	s := newSet()
	session := numbered(1)
	s.add([]store.Revocation{sessionUpTo(session, 200)}, true)
	<-s.changed
	version, marks := s.keys.version.Load(), s.keys.marks(session)
	sooner := sessionUpTo(session, 200)
	sooner.Expires--
	for _, r := range []store.Revocation{sessionUpTo(session, 200), sessionUpTo(session, 199), sooner} {
		for _, logged := range []bool{false, true} {
			s.add([]store.Revocation{r}, logged)
		}
		if now := s.keys.version.Load(); now != version {
			t.Errorf("%v changes the version", r)
		}
		if now := s.keys.marks(session); now != marks {
			t.Errorf("%v changes the marks from %b to %b", r, marks, now)
		}
		if lacks := s.lacking([]store.Revocation{r}); len(lacks) > 0 {
			t.Errorf("the log lacks %v for %v", lacks, r)
		}
	}
	select {
	case <-s.changed:
		t.Error("the set rings for nothing")
	default:
	}
	s.add([]store.Revocation{sessionUpTo(session, 201)}, false)
	select {
	case <-s.changed:
	default:
		t.Error("a raised instant does not ring, so running requests go on")
	}
}

// What the log is known to hold, after an instant or an expiry was moved. The set puts the
// rest on the log, with the later of each.
func TestWhatTheLogLacksOfASessionUpToAnInstant(t *testing.T) {
	session := numbered(1)
	up := func(instant, expires int64) store.Revocation {
		r := sessionUpTo(session, instant)
		r.Expires = expires
		return r
	}
	type step struct {
		r      store.Revocation
		logged bool
	}
	for _, c := range []struct {
		name      string
		steps     []step
		lacks     *store.Revocation
		published bool
	}{
		{"logged", []step{{up(200, 1000), true}}, nil, true},
		{"raised here", []step{{up(200, 1000), true}, {up(300, 1000), false}}, &store.Revocation{NotBefore: 300, Expires: 1000}, false},
		{"raised here, then logged", []step{{up(200, 1000), true}, {up(300, 1000), false}, {up(300, 1000), true}}, nil, true},
		{"raised by the log", []step{{up(200, 1000), false}, {up(300, 1000), true}}, nil, true},
		{"for good here", []step{{up(200, 1000), true}, {up(0, 1000), false}}, &store.Revocation{Expires: 1000}, false},
		{"prolonged here", []step{{up(200, 1000), true}, {up(200, 2000), false}}, &store.Revocation{NotBefore: 200, Expires: 2000}, true},
		{"raised and prolonged by the log, one after the other", []step{{up(200, 2000), true}, {up(300, 1000), true}}, nil, true},
		{"prolonged and raised by the log, one after the other", []step{{up(300, 1000), true}, {up(200, 2000), true}}, nil, true},
		{"raised here, prolonged by the log", []step{{up(300, 1000), false}, {up(200, 2000), true}}, &store.Revocation{NotBefore: 300, Expires: 2000}, false},
		{"prolonged here, raised by the log", []step{{up(200, 2000), false}, {up(300, 1000), true}}, &store.Revocation{NotBefore: 300, Expires: 2000}, true},
		{"lowered by the log", []step{{up(300, 1000), false}, {up(200, 1000), true}}, &store.Revocation{NotBefore: 300, Expires: 1000}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSet()
			for _, step := range c.steps {
				s.add([]store.Revocation{step.r}, step.logged)
			}
			var want []store.Revocation
			if c.lacks != nil {
				c.lacks.Kind, c.lacks.Key = store.KindSession, session
				want = []store.Revocation{*c.lacks}
			}
			asked := c.steps[len(c.steps)-1].r
			got := s.lacking([]store.Revocation{asked})
			if len(got) != len(want) || len(got) > 0 && got[0] != want[0] {
				t.Errorf("the log lacks %v, want %v", got, want)
			}
			part := wordOf(session).shard()
			if found := s.unlogged(part).revocations; len(found) != len(want) || len(found) > 0 && found[0] != want[0] {
				t.Errorf("repair puts %v on the log, want %v", found, want)
			}
			if published := s.keys.marks(session)&markPublished != 0; published != c.published {
				t.Errorf("published: %t, want %t", published, c.published)
			}
		})
	}
}

// Fault: an instant gets lost when its table grows or is purged.
func TestInstantsOutliveTheirTable(t *testing.T) {
	const n = 20_000
	var s keySet
	for i := range uint64(n) {
		s.addUpTo(numbered(i), int64(1000+i%2*1000), uint32(1+i), markLogged)
	}
	s.purge(1000)
	for i := range uint64(n) {
		for authTime, want := range map[int64]bool{int64(1 + i): i%2 == 1, int64(2 + i): false} {
			if got := s.revokes(numbered(i), authTime); got != want {
				t.Fatalf("key %d revokes %d: %t, want %t", i, authTime, got, want)
			}
		}
	}
}

// Attack: log out for the second time, and use the token while its key moves to another
// table. A reader that begins after the call returned finds the raised instant.
func TestReadersMissNoRaisedInstant(t *testing.T) {
	const n = 300_000
	var s keySet
	k := store.Key{0: 1, 15: 1}
	s.addUpTo(k, 1<<31, 1, markLogged)
	var raised atomic.Int64
	var done atomic.Bool
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for !done.Load() {
				if upTo := raised.Load(); !s.revokes(k, upTo) {
					t.Errorf("%d was revoked before and passes", upTo)
					return
				}
				runtime.Gosched()
			}
		})
	}
	for i := range uint64(n / 256) {
		k2 := numbered(i)
		k2[0] = k[0] // one shard, so that its table grows and shrinks
		s.add(k2, int64(1000+i%2*1000), markLogged)
		s.addUpTo(k, 1<<31, uint32(2+i), markLogged)
		raised.Store(int64(2 + i))
		if i%100 == 0 {
			s.purge(1000)
		}
	}
	done.Store(true)
	group.Wait()
}

// Invariant 12: memory is bounded. A table takes at most 40 bytes an entry, right after it
// grew and right after it was purged.
func TestATableTakesAtMost40BytesAnEntry(t *testing.T) {
	const slotSize = 25
	var s keySet
	check := func(what string, entries int) {
		t.Helper()
		slots := 0
		for i := range s.shards {
			slots += len(s.shards[i].table.Load().keys)
		}
		if size := float64(slots*slotSize) / float64(entries); size > 40 {
			t.Errorf("%s: %.1f bytes an entry", what, size)
		}
	}
	const n = 1 << 18
	for i := range uint64(n) {
		s.add(numbered(i), int64(1000+i%4*1000), markLogged)
		if i > n/4 && i%1024 == 0 {
			check("growing", s.len())
		}
	}
	s.purge(2000)
	check("purged", s.len())
}
