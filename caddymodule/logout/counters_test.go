package logout_test

import (
	"net/http"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
	"github.com/sessiongate/sessiongate/caddymodule/logout"
)

// Each logout token counts once. A replay is told from a token that is not valid, which the
// answer does not.
func TestLogoutTokensAreCounted(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *logoutGate) {
		counters := new(logout.Counters)
		receiver := logout.New(logout.Options{Verifier: g.Verifier, Hub: g.Hub, Logger: g.Logger, Refuse: callertest.Refuse, Counters: counters})
		g.Routes[logoutPath] = func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) (bool, error) {
			return receiver.Serve(w, r)
		}
		raw := g.logoutToken(t, map[string]any{"sid": "laptop"})
		wantLoggedOut(t, g.logOut(t, raw))
		wantRefused(t, g.logOut(t, raw), http.StatusBadRequest, "invalid_request")
		wantRefused(t, g.logOut(t, "x"), http.StatusBadRequest, "invalid_request")
		wantRefused(t, g.Serve(t, logoutRequest("")), http.StatusBadRequest, "invalid_request")
		g.Get(t, logoutPath, "").Want(t, http.StatusUnauthorized, "unauthorized") // an ordinary request
		_, set := g.Hub.Store()
		set.Close()
		wantRefused(t, g.logOut(t, g.logoutToken(t, map[string]any{"sid": "phone"})), http.StatusServiceUnavailable, "temporarily_unavailable")
		got := [4]uint64{counters.Obeyed.Load(), counters.Refused.Load(), counters.Replayed.Load(), counters.Unavailable.Load()}
		if got != [4]uint64{1, 2, 1, 1} {
			t.Errorf("counted %v obeyed, refused, replayed and unavailable, want 1, 2, 1 and 1", got)
		}
	})
}
