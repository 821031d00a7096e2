package replica

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// naive is the reference for a set of instants: a list that drops nothing before it
// expires.
type naive []store.Revocation

func (n naive) revokes(token *store.Keys, now int64) bool {
	for _, r := range n {
		excepted := !r.Except.IsZero() && r.Except == token.Session
		if r.Key == token.Subject && r.Expires > now && token.IssuedAt <= r.NotBefore && !excepted {
			return true
		}
	}
	return false
}

// randomInstants returns revocations of one subject with few different instants,
// exceptions and expiries, so that every order among them occurs.
func randomInstants(random *rand.Rand, subject store.Key) (revocations []store.Revocation) {
	for range 1 + random.IntN(12) {
		r := revokedUpTo(subject, store.KindSubject, 1+random.Int64N(6), store.Key{})
		r.Expires = 100 + random.Int64N(5)
		if except := random.IntN(4); except > 0 {
			r.Except = keysOf("s"+strconv.Itoa(except), "", "", "https://a", 0).Session
		}
		revocations = append(revocations, r)
	}
	return revocations
}

// tokensOfAUser returns tokens of several sessions, and of none, issued in several
// seconds.
func tokensOfAUser() map[string]*store.Keys {
	tokens := make(map[string]*store.Keys)
	for iat := range int64(8) {
		for _, session := range []string{"", "s1", "s2", "s3", "other"} {
			tokens[fmt.Sprintf("session %q with iat %d", session, iat)] = keysOf(session, "t", "u", "https://a", iat)
		}
	}
	return tokens
}

// What a gate publishes to an empty revocation log must revoke as much as its set. If the
// log has some entries, both together must.
func TestUnloggedRevocationsAreEnoughForAnEmptyLog(t *testing.T) {
	tokens := tokensOfAUser()
	for seed := range uint64(5_000) {
		random := rand.New(rand.NewPCG(seed, 6))
		subject := keysOf("", "", "u", "https://a", 0).Subject
		s, all, log := newSet(), naive{}, naive{}
		for _, r := range randomInstants(random, subject) {
			logged := random.IntN(2) == 0
			s.add([]store.Revocation{r}, logged)
			all = append(all, r)
			if logged {
				log = append(log, r)
			}
		}
		wantSame := func(published naive, what string) {
			t.Helper()
			for name, token := range tokens {
				if got, want := published.revokes(token, 99), all.revokes(token, 99); got != want {
					t.Fatalf("seed %d: %s revokes a token of %s: %t, want %t, by %v", seed, what, name, got, want, all)
				}
			}
		}
		wantSame(append(log, s.instants.collect().revocations...), "the log with what would be published to it")
		s.unmark()
		wantSame(s.instants.collect().revocations, "what would be published to an empty log")
	}
}

// Attack: a user logs out all other sessions from each of ten thousand sessions, again and
// again. Every gate would hold ten thousand predicates and search them for each of the
// user's tokens (invariant 12).
func TestRevocationsOfOneSubjectStayTwo(t *testing.T) {
	const retention = 86_400
	s := newSet()
	subject := keysOf("", "", "u", "https://a", 0).Subject
	for i := range int64(10_000) {
		r := revokedUpTo(subject, store.KindSubject, 1000+i/3, keysOf(strconv.FormatInt(i%100, 10), "", "", "https://a", 0).Session)
		r.Expires = r.NotBefore + retention
		s.add([]store.Revocation{r}, i%2 == 0)
		if held := s.len(); held > 2 {
			t.Fatalf("after %d revocations %d predicates are held, want at most 2", i+1, held)
		}
	}
	last := keysOf("99", "", "u", "https://a", 1000+9_999/3)
	if s.instants.revokes(subject, last) {
		t.Error("the session that the last revocation excepts is revoked")
	}
}

func TestTheLatestInstantOfASession(t *testing.T) {
	s := newSet()
	kept, other := keysOf("kept", "", "u", "https://a", 0), keysOf("other", "", "u", "https://a", 0)
	if got := s.notBefore(kept); got != 0 {
		t.Errorf("the instant of an empty set is %d, want 0", got)
	}
	s.add([]store.Revocation{
		revokedUpTo(kept.Subject, store.KindSubject, 2000, kept.Session),
		revokedUpTo(kept.Subject, store.KindSubject, 1000, store.Key{}),
		revokedUpTo(kept.Issuer, store.KindIssuer, 1500, other.Session),
	}, true)
	if got := s.notBefore(kept); got != 1500 {
		t.Errorf("the instant of the excepted session is %d, want 1500", got)
	}
	if got := s.notBefore(other); got != 2000 {
		t.Errorf("the instant of another session is %d, want 2000", got)
	}
}

// Fault: every gate that holds a repeated revocation publishes it again.
func TestAnInstantOnTheLogIsNotPublishedAgain(t *testing.T) {
	s := newSet()
	r := revokedUpTo(keysOf("", "", "u", "https://a", 0).Subject, store.KindSubject, 1000, store.Key{})
	for _, logged := range []bool{false, true, false} {
		s.add([]store.Revocation{r}, logged)
	}
	if published := s.instants.collect().revocations; len(published) > 0 {
		t.Errorf("would publish %v, which is already on the log", published)
	}
}
