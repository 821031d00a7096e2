package replica

import (
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// keysOf returns the keys of a token.
func keysOf(session, token, subject, issuer string, issuedAt int64) *store.Keys {
	named := func(kind store.Kind, value string) store.Key {
		if value == "" {
			return store.Key{}
		}
		return store.NewKey("default", kind, issuer, value)
	}
	return &store.Keys{
		Session:  named(store.KindSession, session),
		Token:    named(store.KindToken, token),
		Subject:  named(store.KindSubject, subject),
		Issuer:   store.NewKey("default", store.KindIssuer, issuer, ""),
		IssuedAt: issuedAt,
		Expires:  issuedAt + 3600,
	}
}

func revokedKey(k store.Key, kind store.Kind) store.Revocation {
	return store.Revocation{Kind: kind, Key: k, Expires: 1 << 31}
}

func revokedUpTo(k store.Key, kind store.Kind, notBefore int64, except store.Key) store.Revocation {
	return store.Revocation{Kind: kind, Key: k, NotBefore: notBefore, Except: except, Expires: 1 << 31}
}

func TestATokenIsRevokedByWhateverNamesIt(t *testing.T) {
	const issued = 1000
	token := keysOf("s", "t", "alice", "https://a", issued)
	session, subject, issuer := token.Session, token.Subject, token.Issuer
	other := store.NewKey("default", store.KindSession, "https://a", "other")
	tests := []struct {
		name    string
		revoked []store.Revocation
		want    Verdict
	}{
		{"nothing revoked", nil, Clear},
		{"its session", []store.Revocation{revokedKey(session, store.KindSession)}, BySession},
		{"its token id", []store.Revocation{revokedKey(token.Token, store.KindToken)}, ByToken},
		{"another session", []store.Revocation{revokedKey(other, store.KindSession)}, Clear},
		{"its subject after it was issued", []store.Revocation{revokedUpTo(subject, store.KindSubject, issued+1, store.Key{})}, BySubject},
		// Invariant 5: a token issued in the same second may be the older one.
		{"its subject in the same second", []store.Revocation{revokedUpTo(subject, store.KindSubject, issued, store.Key{})}, BySubject},
		{"its subject before it was issued", []store.Revocation{revokedUpTo(subject, store.KindSubject, issued-1, store.Key{})}, Clear},
		{"its issuer after it was issued", []store.Revocation{revokedUpTo(issuer, store.KindIssuer, issued+1, store.Key{})}, ByIssuer},
		{"its issuer before it was issued", []store.Revocation{revokedUpTo(issuer, store.KindIssuer, issued-1, store.Key{})}, Clear},
		{"its subject but for its session", []store.Revocation{revokedUpTo(subject, store.KindSubject, issued+1, session)}, Clear},
		{"its subject but for another session", []store.Revocation{revokedUpTo(subject, store.KindSubject, issued+1, other)}, BySubject},
		{"its subject but for its session, which is revoked too", []store.Revocation{
			revokedUpTo(subject, store.KindSubject, issued+1, session), revokedKey(session, store.KindSession),
		}, BySession},
		// Attack: log out all other sessions twice, from two sessions. If the two
		// revocations were merged, the later exception would spare a session that the
		// earlier one revoked.
		{"its subject twice with two exceptions", []store.Revocation{
			revokedUpTo(subject, store.KindSubject, issued+1, other),
			revokedUpTo(subject, store.KindSubject, issued+2, session),
		}, BySubject},
		{"its subject, then an earlier instant with the same exception", []store.Revocation{
			revokedUpTo(subject, store.KindSubject, issued+1, other),
			revokedUpTo(subject, store.KindSubject, issued-5, other),
		}, BySubject},
		{"everything", []store.Revocation{
			revokedKey(session, store.KindSession), revokedKey(token.Token, store.KindToken),
			revokedUpTo(subject, store.KindSubject, issued, store.Key{}), revokedUpTo(issuer, store.KindIssuer, issued, store.Key{}),
		}, BySession | ByToken | BySubject | ByIssuer},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSet()
			s.add(test.revoked, true)
			for range 2 { // the second look uses the cached verdict
				if got := s.look(keysOf("s", "t", "alice", "https://a", issued)); got != test.want {
					t.Errorf("found %v, want %v", got, test.want)
				}
			}
		})
	}
}

// Attack: a token without a `sid` or a `sub` meets a revocation of "no session". Every
// such token would be revoked, or none.
func TestATokenWithoutSessionOrSubjectIsRevokedByItsOwnIDOnly(t *testing.T) {
	s := newSet()
	bare := keysOf("", "t", "", "https://a", 1000)
	s.add([]store.Revocation{
		revokedKey(keysOf("s", "", "", "https://a", 0).Session, store.KindSession),
		revokedUpTo(keysOf("", "", "u", "https://a", 0).Subject, store.KindSubject, 5000, bare.Session),
	}, true)
	if got := s.look(bare); got != Clear {
		t.Errorf("found %v, want clear", got)
	}
	s.add([]store.Revocation{revokedKey(bare.Token, store.KindToken)}, true)
	if got := s.look(bare); got != ByToken {
		t.Errorf("found %v, want by token", got)
	}
}

// Attack: use a token so that its verdict "clear" is cached, and keep using it after the
// logout.
func TestATokenThatWasClearIsLookedAtAgain(t *testing.T) {
	const n = 100_000
	s := newSet()
	for i := range n {
		token := keysOf("", strconv.Itoa(i), "", "https://a", 1000)
		if got := s.look(token); got != Clear {
			t.Fatalf("token %d: found %v before it was revoked", i, got)
		}
		s.add([]store.Revocation{revokedKey(token.Token, store.KindToken)}, true)
		if got := s.look(token); got != ByToken {
			t.Fatalf("token %d: found %v right after it was revoked", i, got)
		}
	}
}

func TestALookThatRacesAnAddIsNotRemembered(t *testing.T) {
	const rounds = 2000
	s := newSet()
	for i := range rounds {
		token := keysOf("", strconv.Itoa(i), "", "https://a", 1000)
		var group sync.WaitGroup
		group.Go(func() { s.look(token) })
		group.Go(func() { s.add([]store.Revocation{revokedKey(token.Token, store.KindToken)}, true) })
		group.Wait()
		if got := s.look(token); got != ByToken {
			t.Fatalf("round %d: found %v after it was revoked", i, got)
		}
	}
}

// Attack: log out in two windows at once, and use the token after the second answer. The
// token was clear a moment ago. The second call adds nothing, because the first has just
// added the key but has not returned yet.
func TestAnAddOfWhatAnotherJustPutIsSeenWhenItReturns(t *testing.T) {
	s := newSet()
	token := keysOf("s", "t", "", "https://a", 1000)
	session := revokedKey(token.Session, store.KindSession)
	other := revokedKey(store.Key{0: byte(wordOf(token.Session).shard()) + 1}, store.KindSession)
	if got := s.look(token); got != Clear {
		t.Fatalf("found %v before it was revoked", got)
	}
	slow := &s.keys.shards[wordOf(other.Key).shard()]
	slow.mu.Lock() // stops the first call at its second key
	var first sync.WaitGroup
	first.Go(func() { s.add([]store.Revocation{session, other}, false) })
	for !s.keys.has(session.Key) {
		runtime.Gosched()
	}
	s.add([]store.Revocation{session}, false)
	if got := s.look(token); got != BySession {
		t.Errorf("found %v after the second call, want by session", got)
	}
	slow.mu.Unlock()
	first.Wait()
}

// The same, with random timing.
func TestTwoAddsAtOnceAreBothSeen(t *testing.T) {
	const rounds = 20_000
	s := newSet()
	for i := range rounds {
		token := keysOf(strconv.Itoa(i), "t", "", "https://a", 1000)
		if got := s.look(token); got != Clear {
			t.Fatalf("round %d: found %v before it was revoked", i, got)
		}
		var calls sync.WaitGroup
		for range 2 {
			calls.Go(func() {
				s.add([]store.Revocation{revokedKey(token.Session, store.KindSession)}, false)
				if got := s.look(token); got != BySession {
					t.Errorf("round %d: found %v after the call, want by session", i, got)
				}
			})
		}
		calls.Wait()
	}
}

// Fault: the wall clock jumps forward, expired revocations are forgotten, and the clock
// goes back.
func TestATokenThatHadExpiredStaysRefused(t *testing.T) {
	s := newSet()
	token := keysOf("s", "t", "u", "https://a", 1000)
	s.purge(token.Expires - 1)
	if got := s.look(token); got != Clear {
		t.Fatalf("found %v, want clear", got)
	}
	s.purge(token.Expires)
	s.purge(5)
	if got := s.look(token); got != Outlived {
		t.Errorf("found %v, want outlived", got)
	}
}

func TestPurgeForgetsInstants(t *testing.T) {
	const n = 1000
	s := newSet()
	for i := range n {
		token := keysOf("", "", strconv.Itoa(i), "https://a", 1000)
		r := revokedUpTo(token.Subject, store.KindSubject, 2000, store.Key{})
		r.Expires = int64(3000 + i)
		s.add([]store.Revocation{r}, true)
	}
	if s.len() != n {
		t.Fatalf("the set holds %d, want %d", s.len(), n)
	}
	s.purge(3000 + n/2 - 1)
	for i := range n {
		token := keysOf("", "", strconv.Itoa(i), "https://a", 1000)
		token.Expires = 1 << 31
		if got, want := s.look(token) == BySubject, i >= n/2; got != want {
			t.Errorf("subject %d revoked: %t, want %t", i, got, want)
		}
	}
	if s.len() != n/2 {
		t.Errorf("the set holds %d, want %d", s.len(), n/2)
	}
}

func TestVerdictsHaveNames(t *testing.T) {
	for verdict, want := range map[Verdict]string{
		Clear: "clear", Unavailable: "unavailable", BySession | ByToken: "session+token",
		BySubject: "subject", ByIssuer: "issuer", Outlived: "outlived",
	} {
		if got := verdict.String(); got != want {
			t.Errorf("verdict %d is called %q, want %q", verdict, got, want)
		}
	}
}
