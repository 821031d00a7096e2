package redisstore_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/store/replica"
)

// Attack: the machine of Redis is restored from a snapshot with its memory, or an old dump
// is loaded into the running process. The keys do not show it. Every later revocation is
// gone, although it was answered with 200. Gates must notice before the next 200, and
// before another gate starts with the remaining entries.
func TestARollbackInOneProcessIsFound(t *testing.T) {
	t.Parallel()
	const rollbacks = 20
	server := redistest.Start(t, redistest.Config("enable-debug-command yes"))
	lease := 500 * time.Millisecond
	a, b := startGate(t, server, lease), startGate(t, server, lease)
	var revoked []*store.Keys
	revoke := func(what string, number int) {
		t.Helper()
		r := revocation(fmt.Sprint(what, number))
		token := &store.Keys{Session: r.Key, IssuedAt: 1, Expires: r.Expires}
		if err := a.Revoke(t.Context(), r); err != nil {
			t.Fatalf("%s %d: %v", what, number, err)
		}
		revoked = append(revoked, token)
		for _, g := range []*replica.Replica{a, b} {
			if g.Check(token, replica.At(time.Now())) == replica.Clear {
				t.Errorf("%s %d: admitted after the 200", what, number)
			}
		}
	}
	for i := range rollbacks {
		settled(t, server, a)
		settled(t, server, b)
		server.Do("SAVE")
		before := server.Do("HGET", headKey, "generation")
		for range 1 + i%2 {
			revoke("lost", len(revoked))
		}
		server.Do("DEBUG", "RELOAD", "NOSAVE")
		for range i % 4 {
			revoke("next", len(revoked))
		}
		eventually(t, "another generation", func() error {
			if server.Do("HGET", headKey, "generation") == before {
				return errors.New("the log went back, but no gate noticed")
			}
			return nil
		})
	}
	settled(t, server, a)
	late := startGate(t, server, lease)
	<-late.Synced()
	for i, token := range revoked {
		if verdict := late.Check(token, replica.At(time.Now())); verdict != replica.BySession {
			t.Errorf("a starting gate answers for revocation %d: %v", i, verdict)
		}
	}
}
