package replica

import (
	"strconv"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// The running counts are those that reading the whole set gives, also after a purge and a
// repeat.
func TestRunningCountsAreThoseOfTheSet(t *testing.T) {
	r := &Replica{set: newSet()}
	same := func(when string) {
		t.Helper()
		counts, size := r.Counts(), r.Size()
		if size.Sessions != counts[store.KindSession] || size.Tokens != counts[store.KindToken] ||
			size.Subjects != counts[store.KindSubject] || size.Issuers != counts[store.KindIssuer] {
			t.Errorf("%s: running counts are %+v, counted are %v", when, size, counts)
		}
	}
	same("empty")
	if size := r.Size(); size != (Size{}) {
		t.Errorf("an empty set has the size %+v", size)
	}
	for i := range 5000 {
		keys := keysOf("s"+strconv.Itoa(i), "t"+strconv.Itoa(i), "u"+strconv.Itoa(i), "https://"+strconv.Itoa(i), 1)
		expires := int64(1000 + i)
		all := []store.Revocation{{Kind: store.KindSession, Key: keys.Session, Expires: expires}}
		if i%2 == 0 {
			all = append(all, store.Revocation{Kind: store.KindToken, Key: keys.Token, Expires: expires})
		}
		if i%5 == 0 {
			all = append(all, store.Revocation{Kind: store.KindSubject, Key: keys.Subject, NotBefore: 5, Expires: expires})
		}
		if i%50 == 0 {
			all = append(all, store.Revocation{Kind: store.KindIssuer, Key: keys.Issuer, NotBefore: 5, Expires: expires})
		}
		r.set.add(all, true)
		r.set.add(all, true) // counted once
	}
	same("full")
	full := r.Size()
	if full.Sessions != 5000 || full.Tokens != 2500 || full.Subjects != 1000 || full.Issuers != 100 {
		t.Errorf("the size is %+v", full)
	}
	if entry := full.Bytes / (5000 + 2500 + 1100); entry < 25 || entry > 80 {
		t.Errorf("%d bytes an entry", entry)
	}
	r.set.purge(4000)
	same("purged")
	if left := r.Size(); left.Sessions >= full.Sessions || left.Tokens >= full.Tokens || left.Issuers >= full.Issuers || left.Bytes >= full.Bytes {
		t.Errorf("a purge left %+v of %+v", left, full)
	}
}
