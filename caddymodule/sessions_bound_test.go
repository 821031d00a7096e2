package caddymodule

import (
	"fmt"
	"net/http"
	"testing"
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
