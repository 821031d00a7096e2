package caddymodule

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

const (
	sessionsPath  = "/v1/auth/sessions"
	allEnded      = `{"message":"Sessions invalidated successfully."}`
	exceptCurrent = "?except=current"
)

// inSessionsGate runs a test with a gate that has an endpoint of all sessions, on a
// clock of its own.
func inSessionsGate(t *testing.T, config Gate, test func(t *testing.T, g *gateTest)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		config.SessionsEndpoint = sessionsPath
		test(t, newGate(t, "HS256", config))
	})
}

func (g *gateTest) delete(tb testing.TB, path, token string) answer {
	tb.Helper()
	return g.serve(tb, request(http.MethodDelete, path, token, ""))
}

// of is a token of a session of alice's.
func (g *gateTest) of(tb testing.TB, session string) string {
	tb.Helper()
	return g.mint(tb, map[string]any{"sid": session, "jti": session})
}

func TestAllSessionsOfTheCallerAreEnded(t *testing.T) {
	inSessionsGate(t, Gate{}, func(t *testing.T, g *gateTest) {
		laptop, phone := g.of(t, "laptop"), g.of(t, "phone")
		unseen, bare := g.of(t, "never seen"), g.mint(t, map[string]any{"sid": nil, "jti": "bare"})
		bobs := g.mint(t, map[string]any{"sid": "bobs", "jti": "bobs", "sub": "bob"})
		g.delete(t, sessionsPath, laptop).want(t, http.StatusOK, allEnded)
		for _, token := range []string{laptop, phone, unseen, bare} {
			g.get(t, "/", token).want(t, http.StatusUnauthorized, "unauthorized")
		}
		g.get(t, "/", bobs).want(t, http.StatusOK, "")
		// Whoever logs in right after the 200 is let in.
		g.get(t, "/", g.of(t, "new")).want(t, http.StatusOK, "")
		// Attack: end the new session with an old token.
		g.delete(t, sessionsPath, laptop).want(t, http.StatusUnauthorized, "unauthorized")
		g.delete(t, sessionsPath+exceptCurrent, phone).want(t, http.StatusUnauthorized, "unauthorized")
		g.get(t, "/", g.of(t, "new")).want(t, http.StatusOK, "")
	})
}

func TestAllSessionsButTheCallersAreEnded(t *testing.T) {
	inSessionsGate(t, Gate{}, func(t *testing.T, g *gateTest) {
		laptop, phone, old := g.of(t, "laptop"), g.of(t, "phone"), g.of(t, "old")
		g.delete(t, sessionsPath+exceptCurrent, laptop).want(t, http.StatusOK, allEnded)
		g.delete(t, sessionsPath+exceptCurrent, laptop).want(t, http.StatusOK, allEnded) // once more
		g.get(t, "/", laptop).want(t, http.StatusOK, "")
		g.get(t, "/", phone).want(t, http.StatusUnauthorized, "unauthorized")

		// The attack: the exception of one revocation taken for one of the next. Only
		// the session that ended all others last is left.
		tablet := g.of(t, "tablet")
		g.delete(t, sessionsPath+exceptCurrent, tablet).want(t, http.StatusOK, allEnded)
		g.get(t, "/", tablet).want(t, http.StatusOK, "")
		for _, token := range []string{laptop, phone, old} {
			g.get(t, "/", token).want(t, http.StatusUnauthorized, "unauthorized")
		}
		g.delete(t, sessionsPath, tablet).want(t, http.StatusOK, allEnded)
		g.get(t, "/", tablet).want(t, http.StatusUnauthorized, "unauthorized")
	})
}

// The 200 waits until the second of the instant is over, because `iat` is in whole
// seconds: whoever logs in right after it, in whatever part of a second, gets in.
func TestTheAnswerIsHeldUntilItsSecondHasPassed(t *testing.T) {
	for _, part := range []time.Duration{0, 500 * time.Millisecond, 999 * time.Millisecond} {
		inSessionsGate(t, Gate{}, func(t *testing.T, g *gateTest) {
			time.Sleep(part)
			begin := time.Now()
			g.delete(t, sessionsPath, g.of(t, "laptop")).want(t, http.StatusOK, allEnded)
			if got, want := time.Since(begin), time.Second-part; got != want {
				t.Errorf("%v into a second: held for %v, want %v", part, got, want)
			}
			g.get(t, "/", g.of(t, "laptop again")).want(t, http.StatusOK, "")
		})
	}
}

// The attack: the issuer's clock is ahead, within the leeway, and everything that it
// issued is after the instant. The caller's own token says how far.
func TestAnIssuerThatIsAheadIsBelieved(t *testing.T) {
	inSessionsGate(t, Gate{}, func(t *testing.T, g *gateTest) {
		ahead := func(session string) string {
			return g.mint(t, map[string]any{"sid": session, "jti": session, "iat": time.Now().Unix() + 20})
		}
		laptop, phone := ahead("laptop"), ahead("phone")
		begin := time.Now()
		g.delete(t, sessionsPath, laptop).want(t, http.StatusOK, allEnded)
		if got := time.Since(begin); got != 21*time.Second {
			t.Errorf("held for %v, want until the second of the caller's token has passed", got)
		}
		g.get(t, "/", phone).want(t, http.StatusUnauthorized, "unauthorized")
		g.get(t, "/", ahead("new")).want(t, http.StatusOK, "")
	})
}

func TestACallerThatHangsUpIsNotWaitedFor(t *testing.T) {
	inSessionsGate(t, Gate{}, func(t *testing.T, g *gateTest) {
		laptop := g.mint(t, map[string]any{"iat": time.Now().Unix() + 30})
		r := request(http.MethodDelete, sessionsPath, laptop, "")
		ctx, gone := context.WithTimeout(t.Context(), time.Second)
		defer gone()
		begin := time.Now()
		g.serve(t, r.WithContext(ctx))
		if got := time.Since(begin); got != time.Second {
			t.Errorf("took %v after the caller had gone at one second", got)
		}
		g.get(t, "/", laptop).want(t, http.StatusUnauthorized, "unauthorized")
	})
}

// The mistake, or the attack: a request that means something else ends everything.
func TestWhatIsNotUnderstoodEndsNothing(t *testing.T) {
	inSessionsGate(t, Gate{CORS: []string{"https://app.example.com"}}, func(t *testing.T, g *gateTest) {
		laptop := g.of(t, "laptop")
		for _, query := range []string{
			"?except=other", "?except=", "?except", "?except=Current", "?Except=current", "?except=current&except=current", "?except=current&x=1",
			"?x=1", "?except=%63urrent", "?except=current;", "?session_id=laptop", "?&", "?except=current%00",
		} {
			g.delete(t, sessionsPath+query, laptop).want(t, http.StatusBadRequest, `"invalid_request"`)
		}
		for _, body := range []string{`{"session_id":"phone"}`, `{}`, " "} {
			g.serve(t, request(http.MethodDelete, sessionsPath, laptop, body)).want(t, http.StatusBadRequest, `"invalid_request"`)
			r := request(http.MethodDelete, sessionsPath, laptop, body)
			r.ContentLength = -1
			g.serve(t, r).want(t, http.StatusBadRequest, `"invalid_request"`)
		}
		bare := g.mint(t, map[string]any{"sid": nil, "jti": "bare"})
		g.delete(t, sessionsPath+exceptCurrent, bare).want(t, http.StatusBadRequest, "names no session")
		nobody := g.mint(t, map[string]any{"sub": nil, "jti": "nobody"})
		g.delete(t, sessionsPath, nobody).want(t, http.StatusBadRequest, "names no subject")
		for _, token := range []string{laptop, bare, nobody} {
			g.get(t, "/", token).want(t, http.StatusOK, "")
		}
	})
}

func TestWhoMayNotEndAllSessions(t *testing.T) {
	inSessionsGate(t, Gate{Token: &TokenSource{Header: "Authorization", Cookie: "session"}}, func(t *testing.T, g *gateTest) {
		laptop := g.of(t, "laptop")
		g.delete(t, sessionsPath, "").want(t, http.StatusUnauthorized, "unauthorized")
		g.delete(t, sessionsPath, laptop+"x").want(t, http.StatusUnauthorized, "unauthorized")
		g.delete(t, sessionsPath, "abc").want(t, http.StatusBadRequest, "invalid_request")
		for _, target := range []string{sessionsPath, sessionsPath + "/laptop"} {
			// The attack: a page of another site sends the DELETE with the browser's cookie.
			r := httptest.NewRequest(http.MethodDelete, target, nil)
			r.Header.Set("Cookie", "session="+laptop)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			g.serve(t, r).want(t, http.StatusForbidden, "forbidden")
		}
		g.get(t, "/", laptop).want(t, http.StatusOK, "")
		// A session that is over, and a token that is, end nothing.
		g.end(t, laptop, "").want(t, http.StatusOK, invalidated)
		g.delete(t, sessionsPath, laptop).want(t, http.StatusUnauthorized, "unauthorized")
		g.delete(t, sessionsPath+"?x", laptop).want(t, http.StatusUnauthorized, "unauthorized")
	})
}

// The attack: what one issuer calls alice ends the sessions of another's alice.
func TestSubjectsBelongToTheirIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, "HS256", Gate{})
		const other = "https://other.example.com"
		secret := []string{string(g.key.Secret)}
		g.start(t, Gate{SessionsEndpoint: sessionsPath},
			&Issuer{Issuer: "https://id.example.com", Audience: []string{"legacy-app"}, HMACSecret: secret},
			&Issuer{Issuer: other, Audience: []string{"legacy-app"}, HMACSecret: secret})
		theirs := g.mint(t, map[string]any{"iss": other})
		g.get(t, "/", theirs).want(t, http.StatusOK, "")
		g.delete(t, sessionsPath, g.of(t, "laptop")).want(t, http.StatusOK, allEnded)
		g.get(t, "/", theirs).want(t, http.StatusOK, "")
	})
}

// A gate that is not sure of its set promises nothing, and refuses from now on.
func TestAFencedGateOffersTheRevocationOfAll(t *testing.T) {
	inSessionsGate(t, Gate{}, func(t *testing.T, g *gateTest) {
		laptop, phone := g.of(t, "laptop"), g.of(t, "phone")
		setOf(g.app).Close() // fences it
		g.delete(t, sessionsPath+"?x", laptop).want(t, http.StatusBadRequest, "invalid_request")
		a := g.delete(t, sessionsPath+exceptCurrent, laptop) // which may be repeated
		a.want(t, http.StatusServiceUnavailable, answered(denyUnconfirmed))
		a = g.delete(t, sessionsPath, laptop)
		a.want(t, http.StatusServiceUnavailable, answered(denyUnconfirmedAll))
		keys := func(token string) *store.Keys {
			verified, err := g.app.verifier.Verify(token, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			return &verified.Keys
		}
		if g.app.hub.Look(keys(phone)) == 0 {
			t.Error("the gate forgot what it could not confirm")
		}
	})
}
