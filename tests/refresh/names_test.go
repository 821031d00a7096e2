package refresh

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Attack: the session of a Django application (Simple JWT) is ended, and its refresh token goes
// on. The endpoints end with a slash, and have names of their own for the tokens, which tell no
// session.
func TestALogoutEndsALoginOfDjango(t *testing.T) {
	t.Parallel()
	const login, refresh = "/api/token/", "/api/token/refresh/"
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Gate: "token_endpoint " + login + " " + refresh})
		var granted atomic.Int64
		hand := func(w http.ResponseWriter, r *http.Request) {
			tokens := map[string]string{"access": g.Token(map[string]any{"sid": nil, "jti": fmt.Sprint("access-", granted.Add(1))})}
			if r.URL.Path == login {
				tokens["refresh"] = "an-opaque-refresh-token"
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(tokens) // the gate may have gone
		}
		g.Upstream.Handle(login, hand)
		g.Upstream.Handle(refresh, hand)
		post := func(path, body string) harness.Answer {
			return g.Send(t, "POST", path, harness.JSON(body))
		}
		access := func(a harness.Answer) string {
			t.Helper()
			text, _ := harness.JSONOf(t, a.Body)["access"].(string)
			if a.Status != http.StatusOK || text == "" {
				t.Fatalf("answered %d %s, want an access token", a.Status, a.Body)
			}
			return text
		}
		first := access(post(login, `{"username":"alice","password":"x"}`))
		const present = `{"refresh":"an-opaque-refresh-token"}`
		second := access(post(refresh, present))
		answers.Invalidated.Check(t, harness.End(t, g, second))
		answers.BadToken.Check(t, harness.Get(t, g, first))
		before := granted.Load()
		for _, path := range []string{refresh, strings.TrimSuffix(refresh, "/"), refresh + "/", "/api//token/refresh/", login} {
			if a := post(path, present); a.Status != http.StatusBadRequest {
				t.Errorf("%s: answered %d %s, want 400", path, a.Status, a.Body)
			}
		}
		if got := granted.Load() - before; got != 0 {
			t.Errorf("%d requests with the refresh token reached the endpoint", got)
		}
	})
}
