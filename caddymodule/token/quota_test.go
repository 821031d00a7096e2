package token

import (
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

func TestQuotaIsForEachSubjectAndMinute(t *testing.T) {
	q := newQuota(MinCacheBytes)
	subject := func(name string) store.Key { return store.NewKey("default", store.KindSubject, "issuer", name) }
	taken := func(key store.Key, now int64) (n int) {
		for range 100 {
			if q.take(key, now) {
				n++
			}
		}
		return n
	}
	const minute = 1_800_000_000 / 60 * 60
	if n := taken(subject("mallory"), minute); n != 8 {
		t.Errorf("one subject may push out %d tokens, want the 64th part of 512", n)
	}
	if n := taken(subject("mallory"), minute+59); n != 0 {
		t.Errorf("it may push out %d more in the same minute", n)
	}
	if n := taken(subject("mallory"), minute+60); n != 8 {
		t.Errorf("it may push out %d in the next one, want 8", n)
	}
	// One of 4096 subjects shares a part.
	others := 0
	for _, name := range []string{"alice", "bob", "carol"} {
		others += taken(subject(name), minute+60)
	}
	if others < 16 {
		t.Errorf("three other subjects may push out %d, want 24", others)
	}
	if n := taken(store.Key{}, minute); n != 100 {
		t.Errorf("tokens without a subject push out %d of 100", n)
	}
}
