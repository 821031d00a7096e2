// Built without the race detector only: hours of simulated time are more events than it
// can count, and then it ends the process.

//go:build !race

package sessionapi

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// Attack: refresh a stolen session for a day, and log it out again just before its
// revocation expires. Then use the token that got the 404. The 404 promises as much as the
// 200: it lasts as long as any token of the session.
func TestARepeatedLogoutProlongsTheRevocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newAPI(t, "HS256", Options{})
		of := func(jti string) string {
			return g.Mint(t, map[string]any{"sid": "s", "jti": jti, "exp": time.Now().Add(24 * time.Hour).Unix()})
		}
		first := of("first")
		g.end(t, first, "").Want(t, http.StatusOK, "invalidated")
		time.Sleep(24*time.Hour - time.Minute)
		second := of("second")
		g.end(t, second, "").Want(t, http.StatusNotFound, "invalid_session")
		for range 2 {
			time.Sleep(time.Hour)
			g.Get(t, "/", second).Want(t, http.StatusUnauthorized, "unauthorized")
		}
	})
}
