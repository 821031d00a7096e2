package store_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// Attack: move a separator from one part into the next, so that the attacker's session
// shares its key with a victim's, or has two keys.
func TestKeysOfDifferentThingsDiffer(t *testing.T) {
	type named struct {
		namespace string
		kind      store.Kind
		issuer    string
		value     string
	}
	things := []named{
		{"default", store.KindSession, "https://a", "s"},
		{"default", store.KindToken, "https://a", "s"},
		{"default", store.KindSubject, "https://a", "s"},
		{"default", store.KindSession, "https://as", ""},
		{"default", store.KindSession, "", "https://as"},
		{"defaulth", store.KindSession, "ttps://a", "s"},
		{"orders", store.KindSession, "https://a", "s"},
		{"", store.KindSession, "default", "https://as"},
		{"default", store.KindSession, "https://a", "s\x00"},
		{"default", store.KindSession, "https://a\x01s", ""},
		{"default", store.KindSession, "https://a", "S"},
		{"default", store.KindSession, "https://a", strings.Repeat("s", 128)},
		{"default", store.KindSession, "https://a", strings.Repeat("s", 256)},
		{"default", store.KindIssuer, "https://a", ""},
		{"default", store.KindIssuer, "https://", "a"},
	}
	seen := map[store.Key]named{}
	for _, thing := range things {
		k := store.NewKey(thing.namespace, thing.kind, thing.issuer, thing.value)
		if other, taken := seen[k]; taken {
			t.Errorf("%+v and %+v share the key %x", thing, other, k)
		}
		if again := store.NewKey(thing.namespace, thing.kind, thing.issuer, thing.value); again != k {
			t.Errorf("%+v has two keys", thing)
		}
		seen[k] = thing
	}
}

// Attack, tried exhaustively: a text full of separators and apparent length prefixes is
// cut into namespace, issuer and value in every possible way. No two cuts and no two kinds
// share a key.
func TestNoTwoCutsOfATextShareAKey(t *testing.T) {
	const text = "a:b\x00c\x01\x01d|/\x02\x00\x80\x01e"
	seen := map[store.Key]bool{}
	cuts := 0
	for i := range len(text) + 1 {
		for j := i; j <= len(text); j++ {
			for kind := store.KindSession; kind <= store.KindIssuer; kind++ {
				cuts++
				seen[store.NewKey(text[:i], kind, text[i:j], text[j:])] = true
			}
		}
	}
	if want := 4 * (len(text) + 1) * (len(text) + 2) / 2; cuts != want || len(seen) != cuts {
		t.Errorf("%d keys of %d cuts, want %d of each", len(seen), cuts, want)
	}
}

// Attack: be issued a session claim with any text, such as one cut out of the input of a
// login's key, and end the login of a victim by a logout. No login shares its key with a
// session, a token, a subject or another login.
func TestTheKeyOfALoginIsNoOtherKey(t *testing.T) {
	seen := map[store.Key]string{}
	see := func(name string, k store.Key) {
		t.Helper()
		if other, taken := seen[k]; taken {
			t.Errorf("%s and %s share the key %x", name, other, k)
		}
		seen[k] = name
	}
	const issuer, subject, at = "https://a", "alice", 1_700_000_000
	see("the login", store.NewLoginKey("default", issuer, subject, at))
	see("the next second", store.NewLoginKey("default", issuer, subject, at+1))
	see("another subject", store.NewLoginKey("default", issuer, "alic", at))
	see("a subject that goes on", store.NewLoginKey("default", issuer, "alice\x80", at))
	see("another issuer", store.NewLoginKey("default", issuer+"a", subject[1:], at))
	see("another namespace", store.NewLoginKey("orders", issuer, subject, at))
	login := append([]byte("\x07default\xff\x09https://a\x05alice"), binary.AppendVarint(nil, at)...)
	texts := []string{"alice", "1700000000", "alice1700000000", "alice 1700000000", string(login)}
	for i := range login {
		texts = append(texts, string(login[i:]))
	}
	for kind := store.KindSession; kind <= store.KindIssuer; kind++ {
		for i, text := range slices.Compact(texts) {
			see(fmt.Sprintf("%v %d", kind, i), store.NewKey("default", kind, issuer, text))
		}
	}
	sum := sha256.Sum256(login)
	if got := store.NewLoginKey("default", issuer, subject, at); got != store.Key(sum[:16]) {
		t.Errorf("key %x, want %x: a stored key keeps its meaning for good", got, sum[:16])
	}
}

func TestTheFirstSessionOfATokenIsItsClaimOrElseItsLogin(t *testing.T) {
	session, login := store.Key{1}, store.Key{2}
	for _, c := range []struct {
		keys *store.Keys
		want store.Key
	}{
		{&store.Keys{Session: session, Login: login}, session},
		{&store.Keys{Login: login}, login},
		{&store.Keys{}, store.Key{}},
	} {
		if got := c.keys.First(); got != c.want {
			t.Errorf("session %x and login %x: first %x, want %x", c.keys.Session, c.keys.Login, got, c.want)
		}
	}
}

func TestKeyIsAHashOfTheLengthPrefixedParts(t *testing.T) {
	sum := sha256.Sum256([]byte("\x07default" + "\x01" + "\x09https://a" + "\x01s"))
	if got := store.NewKey("default", store.KindSession, "https://a", "s"); got != store.Key(sum[:16]) {
		t.Errorf("key %x, want %x: a stored key keeps its meaning for good", got, sum[:16])
	}
}

// Invariant 10: a log line holds at most a hash prefix of an id.
func TestALoggedKeyIsAPrefix(t *testing.T) {
	k := store.NewKey("default", store.KindSession, "https://a", "s")
	if got := k.String(); len(got) != 8 {
		t.Errorf("a key is logged as %q, want 8 hex digits", got)
	}
	if !(store.Key{}).IsZero() || k.IsZero() {
		t.Error("only the zero key names nothing")
	}
}

func TestKindsHaveNames(t *testing.T) {
	for kind, want := range map[store.Kind]string{
		store.KindSession: "session", store.KindToken: "token",
		store.KindSubject: "subject", store.KindIssuer: "issuer", 9: "kind(9)",
	} {
		if got := kind.String(); got != want {
			t.Errorf("kind %d is called %q, want %q", uint8(kind), got, want)
		}
	}
}

func TestAnEntryLivesAsLongAsAnyOfIt(t *testing.T) {
	entry := store.Entry{Revocations: []store.Revocation{{Expires: 5}, {Expires: 9}, {Expires: 7}}}
	if got := entry.Expires(); got != 9 {
		t.Errorf("the entry expires at %d, want 9", got)
	}
}
