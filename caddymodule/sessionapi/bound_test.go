package sessionapi

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// Attack: log out, and open sessions until the store has deleted the ended session. After
// that only its owner is unknown: its id gets 404, and it is in no list. Its token stays
// revoked. The token of another deleted session is admitted and can end that session.
func TestASessionThatTheStoreDeletedStaysRevoked(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		revoked, live, latest := g.Of(t, "revoked"), g.Of(t, "live"), ""
		g.Get(t, "/", revoked).Want(t, http.StatusOK, "")
		g.end(t, revoked, "").Want(t, http.StatusOK, "invalidated")
		g.Get(t, "/", live).Want(t, http.StatusOK, "")
		time.Sleep(time.Second)
		for i := range store.MaxSessionsOf {
			latest = g.Of(t, fmt.Sprint("new", i))
			g.Get(t, "/", latest).Want(t, http.StatusOK, "")
		}
		time.Sleep(time.Second)
		for _, id := range []string{"revoked", "live"} {
			g.end(t, latest, `{"session_id":"`+id+`"}`).Want(t, http.StatusNotFound, "invalid_session")
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
		g.Get(t, "/", revoked).Want(t, http.StatusUnauthorized, "")
		g.Get(t, "/", live).Want(t, http.StatusOK, "")
		g.end(t, live, "").Want(t, http.StatusOK, "invalidated")
		g.Get(t, "/", live).Want(t, http.StatusUnauthorized, "")
	})
}

// Attack: fill the store by revoking all other sessions from a hundred connections at once,
// for as long as the token lasts.
func TestRevocationsOfOneSecondShareAnEntry(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		laptop, phone := g.Of(t, "laptop"), g.Of(t, "phone")
		entries := func() uint64 {
			synctest.Wait() // until the replica has read the revocation log
			return g.Hub.Status().Position.Seq
		}
		for range 3 {
			before := entries()
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() { g.delete(t, sessionsPath+exceptCurrent, laptop).Want(t, http.StatusOK, allEnded) })
			}
			all.Wait()
			if added := entries() - before; added != 1 {
				t.Errorf("%d entries for a hundred calls of one second, want one", added)
			}
			g.Get(t, "/", phone).Want(t, http.StatusUnauthorized, "unauthorized")
			g.Get(t, "/", laptop).Want(t, http.StatusOK, "")
		}
	})
}
