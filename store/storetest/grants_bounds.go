package storetest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// Attack: refresh until the session has forgotten the first of its access
// tokens, which then outlives it.
func boundsMembers(t *testing.T, place Place) {
	_, s := openGrants(t, place)
	var all []string
	var batch []store.Grant
	for i := range store.MaxMembers {
		all = append(all, "a"+strconv.Itoa(i))
		batch = append(batch, accessOf(all[i], "f1"))
	}
	for some := range slices.Chunk(batch, 100) { // a store answers within its time limit
		mustLearn(t, s, some...)
	}
	err := s.Learn(t.Context(), refreshOf("r", "f2"), accessOf("one more", "f2", "f1"))
	if !errors.Is(err, store.ErrFullFamily) {
		t.Errorf("one too many: %v, want ErrFullFamily", err)
	}
	wantNoGrant(t, s, name(store.KindToken, "r"))
	wantNoGrant(t, s, name(store.KindToken, "one more"))
	mustLearn(t, s, refreshOf("r", "f1"), batch[0], accessOf("elsewhere", "f2"))
	wantMembers(t, s, "f1", all...)
	wantMembers(t, s, "f2", "elsewhere")
}

func expiredMakeRoom(t *testing.T, place Place) {
	_, s := openGrants(t, place)
	var batch []store.Grant
	for i := range store.MaxMembers {
		g := accessOf("a"+strconv.Itoa(i), "f1")
		if i%2 == 0 {
			g.Expires = time.Now().Add(-time.Minute).Unix()
		}
		batch = append(batch, g)
	}
	for some := range slices.Chunk(batch, 100) {
		mustLearn(t, s, some...)
	}
	mustLearn(t, s, accessOf("one more", "f1"))
	members, err := s.Members(t.Context(), name(store.KindSession, "f1"))
	if err != nil || len(members) != store.MaxMembers/2+1 {
		t.Errorf("%d members, %v; want %d", len(members), err, store.MaxMembers/2+1)
	}
}

func forgetsTokens(t *testing.T, place Place) {
	backend, s := openGrants(t, place)
	expired := []store.Grant{refreshOf("r1", "f1"), accessOf("a1", "f1")}
	for i := range expired {
		expired[i].Expires = time.Now().Add(-time.Minute).Unix()
	}
	mustLearn(t, s, expired...)
	mustLearn(t, s, refreshOf("r2", "f1"), accessOf("a2", "f1"))
	for range 2 {
		for _, g := range expired {
			wantNoGrant(t, s, g.Token)
		}
		wantGrant(t, s, refreshOf("r2", "f1"))
		wantMembers(t, s, "f1", "a2")
		if err := backend.Trim(t.Context(), time.Now()); err != nil {
			t.Fatalf("Trim: %v", err)
		}
	}
}

func refusesGrants(t *testing.T, place Place) {
	_, s := openGrants(t, place)
	change := func(how func(*store.Grant)) store.Grant {
		g := refreshOf("bad", "f1")
		how(&g)
		return g
	}
	for what, bad := range map[string]store.Grant{
		"no name":           change(func(g *store.Grant) { g.Token = store.Key{} }),
		"no family":         change(func(g *store.Grant) { g.Families = nil }),
		"a nameless family": change(func(g *store.Grant) { g.Families = append(g.Families, store.Key{}) }),
		"too many families": refreshOf("bad", strings.Split(strings.Repeat("f", store.MaxFamilies+1), "")...),
		"no expiry":         change(func(g *store.Grant) { g.Expires = 0 }),
		"a late expiry":     change(func(g *store.Grant) { g.Expires = 1 << 32 }),
		"an early issue":    change(func(g *store.Grant) { g.IssuedAt = -1 }),
		"a late issue":      change(func(g *store.Grant) { g.IssuedAt = 1 << 32 }),
		"an early login":    change(func(g *store.Grant) { g.AuthTime = -1 }),
		"a late login":      change(func(g *store.Grant) { g.AuthTime = 1 << 32 }),
	} {
		if err := s.Learn(t.Context(), refreshOf("good", "f1"), bad); err == nil {
			t.Errorf("%s: learned", what)
		}
	}
	wantNoGrant(t, s, name(store.KindToken, "good"))
	wantNoGrant(t, s, name(store.KindToken, "bad"))
}

func learnsConcurrently(t *testing.T, place Place) {
	_, s := openGrants(t, place)
	var wait sync.WaitGroup
	var all []string
	for i := range 20 {
		token := "a" + strconv.Itoa(i)
		all = append(all, token)
		wait.Go(func() {
			if err := s.Learn(t.Context(), accessOf(token, "f1"), refreshOf("r", "f"+strconv.Itoa(i%3))); err != nil {
				t.Errorf("Learn: %v", err)
			}
		})
	}
	wait.Wait()
	wantMembers(t, s, "f1", all...)
	if known, err := s.Known(t.Context(), name(store.KindToken, "r")); err != nil || len(known) != 1 || len(known[0].Families) != 3 {
		t.Errorf("learned %v, %v; want three sessions", known, err)
	}
}

func grantsEnd(t *testing.T, place Place) {
	backend, s := openGrants(t, place)
	calls := map[string]func(context.Context) error{
		"Learn":   func(ctx context.Context) error { return s.Learn(ctx, refreshOf("r", "f")) },
		"Known":   func(ctx context.Context) error { _, err := s.Known(ctx, name(store.KindToken, "r")); return err },
		"Members": func(ctx context.Context) error { _, err := s.Members(ctx, name(store.KindSession, "f")); return err },
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for what, call := range calls {
		if err := call(over); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled %s: %v", what, err)
		}
	}
	if err := backend.Close(); err != nil {
		t.Fatal(err)
	}
	for what, call := range calls {
		if err := call(t.Context()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s of a closed store: %v, want ErrClosed", what, err)
		}
	}
}

func grantsComeBack(t *testing.T, place Place) {
	backend, s := openGrants(t, place)
	mustLearn(t, s, accessOf("a", "f1"), refreshOf("r", "f1", "f2"))
	if err := backend.Close(); err != nil {
		t.Fatal(err)
	}
	_, again := openGrants(t, place)
	if !place.Durable {
		wantNoGrant(t, again, name(store.KindToken, "r"))
		return
	}
	wantGrant(t, again, refreshOf("r", "f1", "f2"))
	wantMembers(t, again, "f1", "a")
}
