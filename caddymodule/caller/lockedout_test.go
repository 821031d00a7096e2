package caller_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
)

// lockedOutTest is a gate, and what it has logged since the last request.
type lockedOutTest struct{ *callertest.Gate }

// inLockedOutTest runs a test in fake time.
func inLockedOutTest(t *testing.T, test func(t *testing.T, g lockedOutTest), changes ...func(*token.IssuerOptions)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, lockedOutTest{callertest.New(t, "HS256", changes...)}) })
}

// logs sends a request, and fails the test unless its answer has a status, and the log then has
// so many warnings.
func (g lockedOutTest) logs(t *testing.T, raw string, status, warnings int) {
	t.Helper()
	g.Log.Reset()
	if got := g.Get(t, "/", raw).Code; got != status {
		t.Errorf("answered %d, want %d", got, status)
	}
	text := g.Log.String()
	if got := strings.Count(text, "stays locked out"); got != warnings || warnings == 0 && text != "" {
		t.Errorf("%d warnings, want %d: %s", got, warnings, text)
	}
}

// of returns a token of a session and a login. A zero login is left out.
func (g lockedOutTest) of(t *testing.T, session, tokenID string, login time.Time) string {
	t.Helper()
	claims := map[string]any{"sid": session, "jti": tokenID}
	if !login.IsZero() {
		claims["auth_time"] = login.Unix()
	}
	return g.Mint(t, claims)
}

// revoke revokes a session up to an instant, or for good.
func (g lockedOutTest) revoke(t *testing.T, source store.Source, session store.Key, upTo int64) {
	t.Helper()
	r := store.Revocation{Kind: store.KindSession, Key: session, NotBefore: upTo, Expires: g.Hub.Expires(time.Now())}
	if err := g.Hub.Revoke(t.Context(), hub.Cause{Source: source}, r); err != nil {
		t.Fatal(err)
	}
	synctest.Wait() // until the log was read
}

// Fault: a logout ends the session at the gates, and not at the issuer. The user who logs in
// again is refused, and only this line says why. Attack: fill the log with revoked tokens.
func TestAUserWhoIsLockedOutIsAWarning(t *testing.T) {
	inLockedOutTest(t, func(t *testing.T, g lockedOutTest) {
		old := g.of(t, "secret-session", "old", time.Time{})
		g.logs(t, old, http.StatusOK, 0)
		key := g.Keys(t, old).Session
		g.revoke(t, store.SourceEndpoint, key, 0)
		for range 100 {
			g.logs(t, old, http.StatusUnauthorized, 0)
		}
		// A token of the same second may be from before the logout.
		g.logs(t, g.of(t, "secret-session", "same second", time.Time{}), http.StatusUnauthorized, 0)

		time.Sleep(time.Second)
		anew := g.of(t, "secret-session", "secret-token", time.Time{})
		g.logs(t, anew, http.StatusUnauthorized, 1)
		text := g.Log.String()
		for _, want := range []string{"level=WARN", "issuer=" + tokentest.Issuer, "key=" + key.String(), "end_session_endpoint", "reauthentication admit", "docs/identity-providers.md"} {
			if !strings.Contains(text, want) {
				t.Errorf("the log has no %s: %s", want, text)
			}
		}
		if strings.Contains(text, "secret") || strings.Contains(text, anew) || strings.Contains(text, "alice") {
			t.Errorf("the log names the token: %s", text)
		}
		for range 59 {
			g.logs(t, anew, http.StatusUnauthorized, 0)
			time.Sleep(time.Second)
		}
		time.Sleep(time.Second)
		g.logs(t, old, http.StatusUnauthorized, 0)
		g.logs(t, anew, http.StatusUnauthorized, 1)
		g.logs(t, anew, http.StatusUnauthorized, 0)
	})
}

// The issuer names the login by `auth_time` alone.
func TestALoginThatGoesOnAtTheIssuerIsAWarning(t *testing.T) {
	inLockedOutTest(t, func(t *testing.T, g lockedOutTest) {
		login := time.Now()
		old := g.Mint(t, map[string]any{"sid": nil, "jti": "1", "auth_time": login.Unix()})
		g.logs(t, old, http.StatusOK, 0)
		g.revoke(t, store.SourceIssuer, g.Keys(t, old).Login, 0)
		time.Sleep(time.Minute)
		g.logs(t, old, http.StatusUnauthorized, 0)
		g.logs(t, g.Mint(t, map[string]any{"sid": nil, "jti": "2", "auth_time": login.Unix()}), http.StatusUnauthorized, 1)
		g.logs(t, g.Mint(t, map[string]any{"sid": nil, "jti": "3", "auth_time": time.Now().Unix()}), http.StatusOK, 0)
	})
}

// With `reauthentication admit`, a login in the same session that asks for no password is
// refused. One that asks for it is admitted.
func TestALoginWithoutAPasswordIsAWarning(t *testing.T) {
	inLockedOutTest(t, func(t *testing.T, g lockedOutTest) {
		login := time.Now()
		old := g.of(t, "s", "1", login)
		g.revoke(t, store.SourceEndpoint, g.Keys(t, old).Session, login.Unix()+5)
		time.Sleep(time.Minute)
		g.logs(t, old, http.StatusUnauthorized, 0)
		g.logs(t, g.of(t, "s", "2", time.Now()), http.StatusOK, 0)
		g.logs(t, g.of(t, "s", "3", login), http.StatusUnauthorized, 1)
		// A later login that has ended by itself: its tokens are from before that.
		last := g.Mint(t, map[string]any{"sid": "s", "jti": "4", "auth_time": time.Now().Unix()})
		time.Sleep(time.Minute)
		g.revoke(t, store.SourceEndpoint, g.Keys(t, last).Login, 0)
		g.logs(t, last, http.StatusUnauthorized, 0)
	}, func(o *token.IssuerOptions) { o.AdmitReauthentication = true })
}

// An operator who has ended a session needs no advice to let its user in again. Tokens that are
// refused for another reason belong to no ended session.
func TestOnlyALogoutLocksUsersOut(t *testing.T) {
	inLockedOutTest(t, func(t *testing.T, g lockedOutTest) {
		g.revoke(t, store.SourceAdmin, g.Keys(t, g.of(t, "banned", "1", time.Time{})).Session, 0)
		time.Sleep(time.Minute)
		g.logs(t, g.of(t, "banned", "2", time.Time{}), http.StatusUnauthorized, 0)

		single := g.of(t, "s", "3", time.Time{})
		g.Revoke(t, store.KindToken, "3", 0)
		g.Revoke(t, store.KindSubject, "bob", time.Now().Unix())
		g.logs(t, single, http.StatusUnauthorized, 0)
		g.logs(t, g.Mint(t, map[string]any{"sub": "bob", "sid": "bobs"}), http.StatusUnauthorized, 0)
		g.Fence()
		g.logs(t, g.of(t, "other", "4", time.Time{}), http.StatusServiceUnavailable, 0)
	})
}

// Fault: the clock of the issuer is ahead, so a token from before the logout looks younger.
func TestATokenOfAClockAheadIsNoNewToken(t *testing.T) {
	inLockedOutTest(t, func(t *testing.T, g lockedOutTest) {
		ahead := func(tokenID string) string {
			return g.Mint(t, map[string]any{"sid": "s", "jti": tokenID, "iat": time.Now().Unix() + 20})
		}
		old := ahead("1")
		g.logs(t, old, http.StatusOK, 0)
		g.revoke(t, store.SourceEndpoint, g.Keys(t, old).Session, 0)
		g.logs(t, old, http.StatusUnauthorized, 0)
		time.Sleep(time.Second)
		g.logs(t, ahead("2"), http.StatusUnauthorized, 1)
	})
}

// Attack: send one revoked token as often as the line allows.
func TestARefusalDoesNotAllocate(t *testing.T) {
	g := callertest.New(t, "HS256")
	old := g.Of(t, "s")
	g.RevokeOwn(t, old)
	verified, _, deny := g.Reader.Read(callertest.Request(http.MethodGet, "/", old, ""), new(time.Now()))
	if deny != nil {
		t.Fatal(callertest.Written(deny))
	}
	now := time.Now()
	if got := testing.AllocsPerRun(100, func() {
		if g.Reader.Check(verified, now) == nil {
			t.Fatal("a revoked token is admitted")
		}
	}); got != 0 {
		t.Errorf("a refusal allocates %v times", got)
	}
}
