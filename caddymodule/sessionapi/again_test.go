package sessionapi

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// Attack: fill the revocation log, and with it the memory of every gate, by repeating the
// logout of one session for as long as its token lasts.
func TestRepeatedLogoutsDoNotFillTheRevocationLog(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		lasts := time.Now().Add(24 * time.Hour).Unix()
		of := func(session any, jti, subject string) string {
			return g.Mint(t, map[string]any{"sid": session, "jti": jti, "sub": subject, "client_id": "shop", "exp": lasts})
		}
		caller, own, other := of("caller", "1", "alice"), of("own", "2", "alice"), of("other", "3", "alice")
		machine, bare := of(nil, "4", "shop"), of(nil, "5", "bob")
		g.Get(t, "/", caller).Want(t, http.StatusOK, "")
		g.Get(t, "/", other).Want(t, http.StatusOK, "")
		end := func(status int, body string) {
			g.end(t, own, "").Want(t, status, body)
			g.end(t, machine, "").Want(t, status, body)
			g.end(t, bare, "").Want(t, status, body)
			g.end(t, caller, `{"session_id":"other"}`).Want(t, status, body)
		}
		end(http.StatusOK, "invalidated")
		const repeats, every, roundedTo = 1000, 10 * time.Second, 24 * time.Hour / 64
		for range repeats {
			time.Sleep(every)
			end(http.StatusNotFound, "invalid_session")
			g.delete(t, sessionsPath+"/other", caller).Want(t, http.StatusNotFound, "invalid_session")
		}
		synctest.Wait()
		most := 4 * uint64(2+repeats*every/roundedTo)
		if entries := g.Hub.Status().Position.Seq; entries > most {
			t.Errorf("%d repeats of four revocations are %d entries, want %d at the most", 5*repeats, entries, most)
		}
	})
}

// Subscribers receive no event for a repeat, so that one token cannot flood an audit of
// logouts.
func TestSubscribersReceiveNoEventForARepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newAPI(t, "HS256", Options{})
		token := g.Mint(t, nil)
		g.end(t, token, "").Want(t, http.StatusOK, "invalidated")
		for range 5 {
			time.Sleep(30 * time.Second)
			g.end(t, token, "").Want(t, http.StatusNotFound, "invalid_session")
		}
		if n := len(g.Events.Heard()); n != 1 {
			t.Errorf("%d events of one logout and its repeats, want one", n)
		}
	})
}
