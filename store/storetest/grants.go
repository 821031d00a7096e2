package storetest

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// RunGrants runs the suite of a store that is a store.Grants. It calls fresh for
// each test, as Run does.
func RunGrants(t *testing.T, fresh func(t *testing.T) Place) {
	tests := []struct {
		name string
		run  func(t *testing.T, place Place)
	}{
		{"a token is read back as it was learned", learnsToken},
		{"a token that was not learned is unknown", unknownToken},
		{"a token learned again stays in its sessions", learnsAgain},
		{"a token belongs to a bounded number of sessions", boundsFamilies},
		{"a session lists its access tokens", listsMembers},
		{"a session has a bounded number of access tokens", boundsMembers},
		{"expired tokens make room", expiredMakeRoom},
		{"an expired token is forgotten", forgetsTokens},
		{"invalid grants are refused and leave nothing", refusesGrants},
		{"concurrent learning loses nothing", learnsConcurrently},
		{"a cancelled call and a closed store return errors", grantsEnd},
		{"a durable store remembers tokens", grantsComeBack},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, fresh(t)) })
	}
}

func openGrants(t *testing.T, place Place) (store.Backend, store.Grants) {
	t.Helper()
	s := open(t, place)
	grants, ok := s.(store.Grants)
	if !ok {
		t.Fatalf("%T does not implement store.Grants", s)
	}
	return s, grants
}

// name returns the key of a value by its name.
func name(kind store.Kind, name string) store.Key {
	return store.NewKey("storetest", kind, issuer, name)
}

// learnedUntil is one instant for all grants, so that grants made one after the other
// are equal.
var learnedUntil = later()

// refreshOf returns the grant of a refresh token of some sessions.
func refreshOf(token string, families ...string) store.Grant {
	g := store.Grant{
		Token: name(store.KindToken, token), Subject: name(store.KindSubject, "alice"), Issuer: name(store.KindIssuer, ""),
		IssuedAt: 1_800_000_000, AuthTime: 1_799_999_000, Expires: learnedUntil,
	}
	for _, family := range families {
		g.Families = append(g.Families, name(store.KindSession, family))
	}
	return g
}

func accessOf(token string, families ...string) store.Grant {
	g := refreshOf(token, families...)
	g.Access = true
	return g
}

func mustLearn(t *testing.T, s store.Grants, grants ...store.Grant) {
	t.Helper()
	if err := s.Learn(t.Context(), grants...); err != nil {
		t.Fatalf("Learn: %v", err)
	}
}

func wantGrant(t *testing.T, s store.Grants, want store.Grant) {
	t.Helper()
	if got, err := s.Known(t.Context(), want.Token); err != nil || !reflect.DeepEqual(got, []store.Grant{want}) {
		t.Errorf("learned %+v, %v; want %+v", got, err, want)
	}
}

func wantNoGrant(t *testing.T, s store.Grants, token store.Key) {
	t.Helper()
	if got, err := s.Known(t.Context(), token); err != nil || len(got) != 0 {
		t.Errorf("learned %+v, %v; want nothing", got, err)
	}
}

func wantMembers(t *testing.T, s store.Grants, family string, tokens ...string) {
	t.Helper()
	got, err := s.Members(t.Context(), name(store.KindSession, family))
	if err != nil {
		t.Fatalf("Members: %v", err)
	}
	var want []store.Key
	for _, token := range tokens {
		want = append(want, name(store.KindToken, token))
	}
	for _, keys := range [][]store.Key{got, want} {
		slices.SortFunc(keys, func(a, b store.Key) int { return slices.Compare(a[:], b[:]) })
	}
	if !slices.Equal(got, want) {
		t.Errorf("the members of %s are %v, want %v", family, got, want)
	}
}

func learnsToken(t *testing.T, place Place) {
	_, s := openGrants(t, place)
	bare := refreshOf("bare", "f1")
	bare.Subject, bare.Issuer, bare.IssuedAt, bare.AuthTime = store.Key{}, store.Key{}, 0, 0
	all := []store.Grant{refreshOf("r1", "f1"), refreshOf("r2", "f2", "f1", "f3"), accessOf("a1", "f1"), bare}
	mustLearn(t, s, all...)
	var names []store.Key
	for _, g := range all {
		wantGrant(t, s, g)
		names = append(names, name(store.KindToken, "unknown"), g.Token)
	}
	if got, err := s.Known(t.Context(), names...); err != nil || !reflect.DeepEqual(got, all) {
		t.Errorf("learned %+v, %v; want all in order", got, err)
	}
	mustLearn(t, s)
	if got, err := s.Known(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("Known without tokens: %+v, %v", got, err)
	}
}

func unknownToken(t *testing.T, place Place) {
	_, s := openGrants(t, place)
	wantNoGrant(t, s, name(store.KindToken, "r1"))
	wantMembers(t, s, "f1")
	mustLearn(t, s, refreshOf("r2", "f2"))
	wantNoGrant(t, s, name(store.KindToken, "r1"))
	wantNoGrant(t, s, name(store.KindSession, "f2"))
}

// Attack: an upstream that does not rotate issues the refresh token of an ended session
// once more, in another session or later.
func learnsAgain(t *testing.T, place Place) {
	_, s := openGrants(t, place)
	first, second := accessOf("t", "f1", "f2"), accessOf("t", "f2", "f3")
	second.IssuedAt, second.Expires = first.IssuedAt+10, first.Expires-10
	second.Subject, second.Issuer, second.AuthTime = store.Key{}, store.Key{}, first.AuthTime+10
	want := first
	want.Families = accessOf("t", "f1", "f2", "f3").Families
	mustLearn(t, s, first)
	mustLearn(t, s, second)
	wantGrant(t, s, want)
	mustLearn(t, s, first)
	wantGrant(t, s, want)
	for _, family := range []string{"f1", "f2", "f3"} {
		wantMembers(t, s, family, "t")
	}
	// A login that is not known is the earliest.
	unknown := first
	unknown.AuthTime = 0
	want.AuthTime = 0
	for _, again := range []store.Grant{unknown, first} {
		mustLearn(t, s, again)
		wantGrant(t, s, want)
	}
	bare := refreshOf("bare", "f1")
	bare.AuthTime = 0
	mustLearn(t, s, bare)
	mustLearn(t, s, refreshOf("bare", "f1"))
	wantGrant(t, s, bare)
}

// Attack: a token joins one session after the other until it has left the first one, and
// outlives that session.
func boundsFamilies(t *testing.T, place Place) {
	_, s := openGrants(t, place)
	var families []string
	for i := range store.MaxFamilies {
		families = append(families, "f"+strconv.Itoa(i))
		mustLearn(t, s, refreshOf("r", families[i]))
	}
	for _, grants := range [][]store.Grant{
		{refreshOf("other", "f0"), refreshOf("r", "one more")},
		{refreshOf("other", "f0"), accessOf("r", "f0", "one more")},
		{refreshOf("other", families[1:]...), refreshOf("other", "f0"), refreshOf("other", "one more")},
	} {
		if err := s.Learn(t.Context(), grants...); !errors.Is(err, store.ErrManyFamilies) {
			t.Errorf("one too many: %v, want ErrManyFamilies", err)
		}
		wantGrant(t, s, refreshOf("r", families...))
		wantNoGrant(t, s, name(store.KindToken, "other"))
	}
	mustLearn(t, s, refreshOf("r", families[3:5]...))
	wantGrant(t, s, refreshOf("r", families...))
}

func listsMembers(t *testing.T, place Place) {
	_, s := openGrants(t, place)
	mustLearn(t, s, accessOf("a1", "f1"), refreshOf("r1", "f1"))
	mustLearn(t, s, accessOf("a2", "f1", "f2"), refreshOf("r2", "f1", "f2"))
	wantMembers(t, s, "f1", "a1", "a2")
	wantMembers(t, s, "f2", "a2")
}
