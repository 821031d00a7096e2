package sessionapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
)

func TestAllSessionsOfTheCallerAreEnded(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		laptop, phone := g.Of(t, "laptop"), g.Of(t, "phone")
		unseen, bare := g.Of(t, "never seen"), g.Mint(t, map[string]any{"sid": nil, "jti": "bare"})
		bobs := g.Mint(t, map[string]any{"sid": "bobs", "jti": "bobs", "sub": "bob"})
		g.delete(t, sessionsPath, laptop).Want(t, http.StatusOK, allEnded)
		for _, token := range []string{laptop, phone, unseen, bare} {
			g.Get(t, "/", token).Want(t, http.StatusUnauthorized, "unauthorized")
		}
		g.Get(t, "/", bobs).Want(t, http.StatusOK, "")
		// A login right after the 200 is admitted.
		g.Get(t, "/", g.Of(t, "new")).Want(t, http.StatusOK, "")
		// Attack: end the new session with an old token.
		g.delete(t, sessionsPath, laptop).Want(t, http.StatusUnauthorized, "unauthorized")
		g.delete(t, sessionsPath+exceptCurrent, phone).Want(t, http.StatusUnauthorized, "unauthorized")
		g.Get(t, "/", g.Of(t, "new")).Want(t, http.StatusOK, "")
	})
}

func TestAllSessionsButTheCallersAreEnded(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		laptop, phone, old := g.Of(t, "laptop"), g.Of(t, "phone"), g.Of(t, "old")
		g.delete(t, sessionsPath+exceptCurrent, laptop).Want(t, http.StatusOK, allEnded)
		g.delete(t, sessionsPath+exceptCurrent, laptop).Want(t, http.StatusOK, allEnded) // a repeat
		g.Get(t, "/", laptop).Want(t, http.StatusOK, "")
		g.Get(t, "/", phone).Want(t, http.StatusUnauthorized, "unauthorized")

		// Attack: the exception of one revocation applies to the next. Only the session
		// that ended all others last may be left.
		tablet := g.Of(t, "tablet")
		g.delete(t, sessionsPath+exceptCurrent, tablet).Want(t, http.StatusOK, allEnded)
		g.Get(t, "/", tablet).Want(t, http.StatusOK, "")
		for _, token := range []string{laptop, phone, old} {
			g.Get(t, "/", token).Want(t, http.StatusUnauthorized, "unauthorized")
		}
		g.delete(t, sessionsPath, tablet).Want(t, http.StatusOK, allEnded)
		g.Get(t, "/", tablet).Want(t, http.StatusUnauthorized, "unauthorized")
	})
}

// The 200 waits until the second of the instant is over, because `iat` is in whole seconds.
// So a login right after it is admitted, at any time within a second.
func TestTheAnswerIsHeldUntilItsSecondHasPassed(t *testing.T) {
	for _, part := range []time.Duration{0, 500 * time.Millisecond, 999 * time.Millisecond} {
		inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
			time.Sleep(part)
			begin := time.Now()
			g.delete(t, sessionsPath, g.Of(t, "laptop")).Want(t, http.StatusOK, allEnded)
			if got, want := time.Since(begin), time.Second-part; got != want {
				t.Errorf("%v into a second: held for %v, want %v", part, got, want)
			}
			g.Get(t, "/", g.Of(t, "laptop again")).Want(t, http.StatusOK, "")
		})
	}
}

// Attack: the issuer's clock is ahead, within the leeway, and everything that it issued is
// after the instant. The caller's own token shows how far.
func TestAnIssuerWhoseClockIsAheadIsAccepted(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		ahead := func(session string) string {
			return g.Mint(t, map[string]any{"sid": session, "jti": session, "iat": time.Now().Unix() + 20})
		}
		laptop, phone := ahead("laptop"), ahead("phone")
		begin := time.Now()
		g.delete(t, sessionsPath, laptop).Want(t, http.StatusOK, allEnded)
		if got := time.Since(begin); got != time.Second {
			t.Errorf("held for %v, want until the next second: by its own clock the issuer is as far ahead then", got)
		}
		g.Get(t, "/", phone).Want(t, http.StatusUnauthorized, "unauthorized")
		g.Get(t, "/", ahead("new")).Want(t, http.StatusOK, "")
	})
}

func TestACallerThatHangsUpIsNotWaitedFor(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		laptop := g.Mint(t, map[string]any{"iat": time.Now().Unix() + 30})
		r := callertest.Request(http.MethodDelete, sessionsPath, laptop, "")
		ctx, gone := context.WithTimeout(t.Context(), time.Second)
		defer gone()
		begin := time.Now()
		g.Serve(t, r.WithContext(ctx))
		if got := time.Since(begin); got != time.Second {
			t.Errorf("took %v after the caller had gone at one second", got)
		}
		g.Get(t, "/", laptop).Want(t, http.StatusUnauthorized, "unauthorized")
	})
}

// Mistake, or attack: a request that means something else ends everything.
func TestUnknownQueriesEndNothing(t *testing.T) {
	inAPI(t, Options{Origins: fromApp(t)}, func(t *testing.T, g *apiTest) {
		laptop := g.Of(t, "laptop")
		for _, query := range []string{
			"?except=other", "?except=", "?except", "?except=Current", "?Except=current", "?except=current&except=current", "?except=current&x=1",
			"?x=1", "?except=%63urrent", "?except=current;", "?session_id=laptop", "?&", "?except=current%00",
		} {
			g.delete(t, sessionsPath+query, laptop).Want(t, http.StatusBadRequest, `"invalid_request"`)
		}
		for _, body := range []string{`{"session_id":"phone"}`, `{}`, " "} {
			g.Serve(t, callertest.Request(http.MethodDelete, sessionsPath, laptop, body)).Want(t, http.StatusBadRequest, `"invalid_request"`)
			r := callertest.Request(http.MethodDelete, sessionsPath, laptop, body)
			r.ContentLength = -1
			g.Serve(t, r).Want(t, http.StatusBadRequest, `"invalid_request"`)
		}
		bare := g.Mint(t, map[string]any{"sid": nil, "jti": "bare"})
		g.delete(t, sessionsPath+exceptCurrent, bare).Want(t, http.StatusBadRequest, "names no session")
		nobody := g.Mint(t, map[string]any{"sub": nil, "jti": "nobody"})
		g.delete(t, sessionsPath, nobody).Want(t, http.StatusBadRequest, "names no subject")
		for _, token := range []string{laptop, bare, nobody} {
			g.Get(t, "/", token).Want(t, http.StatusOK, "")
		}
	})
}

func TestWhoMayNotEndAllSessions(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		laptop := g.Of(t, "laptop")
		g.delete(t, sessionsPath, "").Want(t, http.StatusUnauthorized, "unauthorized")
		g.delete(t, sessionsPath, laptop+"x").Want(t, http.StatusUnauthorized, "unauthorized")
		g.delete(t, sessionsPath, "abc").Want(t, http.StatusUnauthorized, "unauthorized")
		for _, target := range []string{sessionsPath, sessionsPath + "/laptop"} {
			// Attack: a page of another site sends the DELETE with the browser's cookie.
			r := httptest.NewRequest(http.MethodDelete, target, nil)
			r.Header.Set("Cookie", "session="+laptop)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			g.Serve(t, r).Want(t, http.StatusForbidden, "forbidden")
		}
		g.Get(t, "/", laptop).Want(t, http.StatusOK, "")
		// Neither a revoked session nor an expired token ends anything.
		g.end(t, laptop, "").Want(t, http.StatusOK, invalidated)
		g.delete(t, sessionsPath, laptop).Want(t, http.StatusUnauthorized, "unauthorized")
		g.delete(t, sessionsPath+"?x", laptop).Want(t, http.StatusUnauthorized, "unauthorized")
	})
}

// A gate that cannot prove that its set is fresh answers 503, and refuses the tokens from
// now on.
func TestAFencedGateRetriesTheRevocationOfAll(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		laptop, phone := g.Of(t, "laptop"), g.Of(t, "phone")
		g.Fence()
		g.delete(t, sessionsPath+"?x", laptop).Want(t, http.StatusBadRequest, "invalid_request")
		a := g.delete(t, sessionsPath+exceptCurrent, laptop) // this call may be retried
		a.Want(t, http.StatusServiceUnavailable, callertest.Written(denyUnconfirmed))
		a = g.delete(t, sessionsPath, laptop)
		a.Want(t, http.StatusServiceUnavailable, callertest.Written(denyUnconfirmedAll))
		if g.Hub.Look(g.Keys(t, phone)) == 0 {
			t.Error("the gate forgot what it could not confirm")
		}
	})
}
