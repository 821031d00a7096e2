package sessionapi

import (
	"net/http"
	"testing"
	"time"
)

// Attack: the user ends all other sessions, and so a stolen token. The thief sends DELETE with
// it, and ends the session that the user has excepted.
func TestARevokedTokenEndsNoExceptedSession(t *testing.T) {
	for name, excepted := range map[string]map[string]any{
		"session": at("s", time.Time{}, "jti", "mine"), "login": at("", time.Now(), "jti", "mine"),
	} {
		t.Run(name, func(t *testing.T) {
			inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
				if name == "login" {
					excepted["auth_time"] = time.Now().Unix()
				}
				stolen, mine := g.Mint(t, at("", time.Time{}, "jti", "stolen")), g.Mint(t, excepted)
				g.admits(t, stolen, true)
				g.delete(t, sessionsPath+exceptCurrent, mine).Want(t, http.StatusOK, allEnded)
				for range 2 {
					g.ends(t, stolen, "")
					g.admits(t, stolen, false)
					g.admits(t, mine, true)
					time.Sleep(time.Minute)
				}
			})
		})
	}
}
