package caddymodule

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// Attack: log out, and open sessions until the store has deleted the one that is
// over. Only whose session it was is unknown: by its id it is 404, and in no list. Its
// token stays revoked, and that of another deleted session is admitted and can end it.
func TestASessionThatTheStoreDeletedStaysRevoked(t *testing.T) {
	inSessionsGate(t, Gate{}, func(t *testing.T, g *gateTest) {
		revoked, live, latest := g.of(t, "revoked"), g.of(t, "live"), ""
		g.get(t, "/", revoked).want(t, http.StatusOK, "")
		g.end(t, revoked, "").want(t, http.StatusOK, "invalidated")
		g.get(t, "/", live).want(t, http.StatusOK, "")
		time.Sleep(time.Second)
		for i := range store.MaxSessionsOf {
			latest = g.of(t, fmt.Sprint("new", i))
			g.get(t, "/", latest).want(t, http.StatusOK, "")
		}
		time.Sleep(time.Second)
		for _, id := range []string{"revoked", "live"} {
			g.end(t, latest, `{"session_id":"`+id+`"}`).want(t, http.StatusNotFound, "invalid_session")
		}
		listed := make(map[string]bool)
		for query := "?limit=100"; query != ""; {
			page := g.listAt(t, latest, query)
			for _, id := range page.ids() {
				listed[id] = true
			}
			if query = ""; page.Next != "" {
				query = "?limit=100&after=" + page.Next
			}
		}
		if len(listed) != store.MaxSessionsOf || listed["revoked"] || listed["live"] {
			t.Errorf("%d sessions are listed, want the %d seen last", len(listed), store.MaxSessionsOf)
		}
		g.get(t, "/", revoked).want(t, http.StatusUnauthorized, "")
		g.get(t, "/", live).want(t, http.StatusOK, "")
		g.end(t, live, "").want(t, http.StatusOK, "invalidated")
		g.get(t, "/", live).want(t, http.StatusUnauthorized, "")
	})
}

// The attack: fill the store, by ending all other sessions from a hundred connections
// at once, for as long as the token lasts.
func TestRevocationsOfOneSecondShareAnEntry(t *testing.T) {
	inSessionsGate(t, Gate{}, func(t *testing.T, g *gateTest) {
		laptop, phone := g.of(t, "laptop"), g.of(t, "phone")
		entries := func() uint64 {
			synctest.Wait() // until the replica has read what is on the log
			return g.app.hub.Status().Position.Seq
		}
		for range 3 {
			before := entries()
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() { g.delete(t, sessionsPath+exceptCurrent, laptop).want(t, http.StatusOK, allEnded) })
			}
			all.Wait()
			if added := entries() - before; added != 1 {
				t.Errorf("%d entries for a hundred calls of one second, want one", added)
			}
			g.get(t, "/", phone).want(t, http.StatusUnauthorized, "unauthorized")
			g.get(t, "/", laptop).want(t, http.StatusOK, "")
		}
	})
}
