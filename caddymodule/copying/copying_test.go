package copying_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/copying"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/boltstore"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/redisstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/store/replica"
)

const (
	day     = 24 * time.Hour
	margin  = 11 * time.Minute
	timeout = 20 * time.Second
)

// place is an open store with a replica on it, as a gate has it.
func place(t *testing.T, name string, backend store.Backend, lease, retention time.Duration) *copying.Local {
	t.Helper()
	set := replica.New(backend, replica.Options{Lease: lease, Retention: retention, Margin: margin})
	t.Cleanup(func() {
		set.Close()
		if err := backend.Close(); err != nil {
			t.Error(err)
		}
	})
	return &copying.Local{Store: name, Backend: backend, Replica: set, Advice: func() (why, next string) { return "", "" }}
}

func bolt(t *testing.T, retention time.Duration) *copying.Local {
	t.Helper()
	path := filepath.Join(t.TempDir(), "revocations.db")
	s, err := boltstore.Open(boltstore.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return place(t, path, s, 0, retention)
}

// lease is that of the fleets. A call of the store that lasts longer than a part of it fails, so it
// is long enough for a busy machine.
const lease = 700 * time.Millisecond

// fleet returns gates on one Redis.
func fleet(t *testing.T, retention time.Duration, gates int) (all []*copying.Local) {
	t.Helper()
	address, namespace := redistest.Address(t)
	for i := range gates {
		s, err := redisstore.Open(redisstore.Options{Addresses: []string{address}, Namespace: namespace})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, place(t, fmt.Sprint(namespace, i), s, lease, retention))
	}
	return all
}

func key(kind store.Kind, name string) store.Key {
	return store.NewKey("default", kind, "https://issuer.example", name)
}

var soon = time.Now().Add(time.Hour).Unix()

// filled are revocations of each kind.
var filled = []store.Revocation{
	{Kind: store.KindSession, Key: key(store.KindSession, "laptop"), Expires: soon},
	{Kind: store.KindToken, Key: key(store.KindToken, "one"), Expires: soon + 1},
	{Kind: store.KindSubject, Key: key(store.KindSubject, "alice"), NotBefore: 1000, Except: key(store.KindSession, "spared"), Expires: soon + 2},
	{Kind: store.KindSubject, Key: key(store.KindSubject, "alice"), NotBefore: 900, Expires: soon + 3},
	{Kind: store.KindIssuer, Key: key(store.KindIssuer, ""), NotBefore: 500, Expires: soon + 4},
}

var (
	seen = store.Session{Issuer: "https://issuer.example", ID: "phone", Subject: "alice", FirstSeen: 10, LastSeen: 20, Expires: soon}
	// learned is a refresh token, and an access token of the same session.
	learned = []store.Grant{
		{Token: key(store.KindToken, "refresh"), Families: []store.Key{key(store.KindSession, "phone")}, IssuedAt: 10, Expires: soon},
		{
			Token: key(store.KindToken, "access"), Access: true, Families: []store.Key{key(store.KindSession, "phone")},
			Subject: key(store.KindSubject, "alice"), Issuer: key(store.KindIssuer, ""), IssuedAt: 11, AuthTime: 9, Expires: soon,
		},
	}
)

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for limit := time.Now().Add(timeout); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited too long until %s", what)
		}
	}
}

func ready(t *testing.T, l *copying.Local) {
	t.Helper()
	await(t, "the store is ready", func() bool { return !l.Replica.Status().Fenced })
}

// fill fills a store.
func fill(t *testing.T, l *copying.Local) {
	t.Helper()
	ready(t, l)
	err := errors.Join(l.Replica.Revoke(t.Context(), filled...), l.Backend.Seen(t.Context(), seen),
		l.Backend.(store.Grants).Learn(t.Context(), learned...))
	if err != nil {
		t.Fatal(err)
	}
}

// logged returns the revocations in a store's revocation log, by key, exception and
// instant, each with its latest expiry.
func logged(t *testing.T, l *copying.Local) map[string]int64 {
	t.Helper()
	all := make(map[string]int64)
	for from := (store.Position{}); ; {
		batch, err := l.Backend.Read(t.Context(), from, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(batch.Entries) == 0 {
			return all
		}
		for _, entry := range batch.Entries {
			from = entry.Position
			for _, r := range entry.Revocations {
				name := fmt.Sprint(r.Kind, r.Key[:], r.Except[:], r.NotBefore)
				all[name] = max(all[name], r.Expires)
			}
		}
	}
}

// checkFilled fails the test unless a store holds the records of fill. Redis keeps records
// of its first days for longer, and so does a copy of it.
func checkFilled(t *testing.T, l *copying.Local) {
	t.Helper()
	got := logged(t, l)
	for _, r := range filled {
		if expires := got[fmt.Sprint(r.Kind, r.Key[:], r.Except[:], r.NotBefore)]; expires < r.Expires {
			t.Errorf("the revocation of the %s %v expires at %d, want %d or later", r.Kind, r.Key, expires, r.Expires)
		}
	}
	if of, err := l.Backend.Of(t.Context(), seen.Issuer, seen.Subject); err != nil || !reflect.DeepEqual(of, []store.Session{seen}) {
		t.Errorf("the sessions are %v, %v", of, err)
	}
	known, err := l.Backend.(store.Grants).Known(t.Context(), learned[0].Token, learned[1].Token)
	if err != nil || !reflect.DeepEqual(known, learned) {
		t.Errorf("the tokens are %v, %v", known, err)
	}
	if members, err := l.Backend.(store.Grants).Members(t.Context(), learned[1].Families[0]); err != nil || len(members) != 1 {
		t.Errorf("the session has the tokens %v, %v", members, err)
	}
}

func ignore(copying.Progress) {}

// remote accesses a place as another process does.
func remote(l *copying.Local) copying.Remote {
	return func(ctx context.Context, q copying.Request) (a copying.Answer, err error) {
		text, err := json.Marshal(q)
		if err == nil {
			err = json.Unmarshal(text, &q)
		}
		if err == nil {
			a, err = l.Serve(ctx, q)
		}
		if text, failed := json.Marshal(a); err == nil && failed == nil {
			err = json.Unmarshal(text, &a)
		}
		return a, err
	}
}

func paused(t *testing.T, l *copying.Local) bool {
	t.Helper()
	is, err := l.Backend.(store.Movable).Paused(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return is
}

// A copy holds all records of the store, there and back. That also holds for a store that
// another process has open, and for a second copy.
func TestACopyHoldsAll(t *testing.T) {
	file, gates, back := bolt(t, day), fleet(t, day, 2), bolt(t, day)
	fill(t, file)
	ready(t, gates[0])
	for range 2 {
		if err := copying.Run(t.Context(), remote(file), gates[1], timeout, ignore); err != nil {
			t.Fatal(err)
		}
		for _, gate := range gates {
			checkFilled(t, gate) // at once, without waiting
		}
		if !paused(t, file) || paused(t, gates[0]) {
			t.Error("the source is not paused, or the target is")
		}
	}
	if err := copying.Run(t.Context(), gates[0], remote(back), timeout, ignore); err != nil {
		t.Fatal(err)
	}
	checkFilled(t, back)
	if !paused(t, gates[1]) {
		t.Error("the other gate of the source is not paused")
	}
	// Copy back to the first store, which is paused.
	if err := copying.Run(t.Context(), gates[0], file, timeout, ignore); err != nil {
		t.Fatal(err)
	}
	if paused(t, file) {
		t.Error("the target is still paused")
	}
}

// A repeated copy appends nothing to the revocation log.
func TestARepeatedCopyAddsNothing(t *testing.T) {
	file, gate := bolt(t, day), fleet(t, 2*day, 1)[0]
	fill(t, file)
	var ends []store.Position
	for range 3 {
		if err := copying.Run(t.Context(), file, gate, timeout, ignore); err != nil {
			t.Fatal(err)
		}
		state, err := gate.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, state.End)
	}
	if ends[0] != ends[1] || ends[1] != ends[2] {
		t.Errorf("the log of the copy ends at %v", ends)
	}
}

func TestWhatCannotBeCopiedIsRefused(t *testing.T) {
	file, far := bolt(t, day), bolt(t, day)
	apart := copying.Remote(func(ctx context.Context, q copying.Request) (copying.Answer, error) {
		a, err := far.Serve(ctx, q)
		a.State.Now += 100
		return a, err
	})
	memory := place(t, "memory", memstore.New(nil), 0, day)
	for name, c := range map[string]struct {
		from, to copying.Place
		want     string
	}{
		"a store to itself":         {file, remote(file), "the same store"},
		"a store in memory":         {memory, file, "cannot be copied"},
		"to a store in memory":      {file, memory, "cannot be copied"},
		"clocks that are far apart": {file, apart, "set both by NTP"},
		"an unknown kind of request": {copying.Remote(func(ctx context.Context, _ copying.Request) (copying.Answer, error) {
			return far.Serve(ctx, copying.Request{})
		}), file, "unknown request"},
	} {
		t.Run(name, func(t *testing.T) {
			err := copying.Run(t.Context(), c.from, c.to, timeout, ignore)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Run returns %v, want %q in it", err, c.want)
			}
			if paused(t, file) {
				t.Error("the source is paused")
			}
		})
	}
}
