package hub_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// Attack: end the tokens of a later login in the same session by a revocation up to an
// earlier one, or keep a token of which no login is known.
func TestARevocationUpToALoginEndsTheTokensUpToIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := newHooked(t, replica.Options{})
		logins := map[store.Key]int64{{11}: 0, {12}: 100, {13}: 200, {14}: 201, {15}: 300}
		for token, login := range logins {
			grant := store.Grant{Token: token, Access: true, Families: ofSession, AuthTime: login, Expires: inAnHour()}
			if err := h.Tokens().Learn(t.Context(), grant); err != nil {
				t.Fatal(err)
			}
		}
		for _, instant := range []int64{200, 250, 0} { // 0 is for good
			r := store.Revocation{Kind: store.KindSession, Key: sessionKey, NotBefore: instant, Expires: time.Now().Add(time.Hour).Unix()}
			if err := h.Revoke(t.Context(), hub.Cause{}, r); err != nil {
				t.Fatal(err)
			}
			for token, login := range logins {
				if got, want := h.Holds(token), instant == 0 || login <= instant; got != want {
					t.Errorf("up to %d, the token of a login at %d is revoked: %t, want %t", instant, login, got, want)
				}
			}
		}
	})
}
