package hub_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
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

// Every gate of a fleet knows when a session was ended, not only the gate that was asked.
func TestAGateLearnsFromTheLogWhenASessionEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := memstore.New(nil)
		asked, other := newOpen(t, replica.Options{}, shared), newOpen(t, replica.Options{}, shared)
		issued := time.Now().Unix()
		r := store.Revocation{Kind: store.KindSession, Key: sessionKey, Expires: inAnHour()}
		if err := asked.Revoke(t.Context(), hub.Cause{Source: store.SourceEndpoint}, r); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for name, h := range map[string]*openHub{"the gate that was asked": asked, "another gate": other} {
			for ago, want := range map[int64]bool{10: false, 0: false, -1: true} {
				session, ended := h.EndedBefore(&store.Keys{Session: sessionKey, IssuedAt: issued - ago}, 0)
				if ended != want || want && session != sessionKey {
					t.Errorf("%s: a token from %d s before: %v, %t, want %t", name, ago, session, ended, want)
				}
			}
		}
		if _, ended := hub.New(hub.Options{}).EndedBefore(&store.Keys{Session: sessionKey, IssuedAt: issued + 1}, 0); ended {
			t.Error("a hub without a store knows an ended session")
		}
	})
}
