package caddymodule

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/identity"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
)

const invalidated = `{"message":"Session invalidated successfully."}`

func TestAGuardedRequestIsDecidedByItsToken(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	revoked := g.mint(t, map[string]any{"sid": "over"})
	g.end(t, revoked, "").want(t, http.StatusOK, invalidated)
	past := time.Now().Add(-time.Hour)
	tests := []struct {
		name, token string
		status      int
		reason      string
	}{
		{"a good token", g.mint(t, nil), http.StatusOK, ""},
		{"no token", "", http.StatusUnauthorized, "missing"},
		{"a broken token", "abc", http.StatusUnauthorized, "malformed"},
		{"a forged token", g.mint(t, nil) + "x", http.StatusUnauthorized, "invalid"},
		{"an expired token", tokentest.Mint(t, g.key, tokentest.Claims(past, nil)), http.StatusUnauthorized, "expired"},
		{"a revoked token", revoked, http.StatusUnauthorized, "revoked"},
		{"another token of the revoked session", g.mint(t, map[string]any{"sid": "over", "jti": "2"}), http.StatusUnauthorized, "revoked"},
		{"the same session id under another subject", g.mint(t, map[string]any{"sid": "over", "sub": "bob"}), http.StatusUnauthorized, "revoked"},
		{"a token of another session", g.mint(t, map[string]any{"sid": "on"}), http.StatusOK, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for range 2 { // the second time from the cache
				a := g.get(t, "/", test.token)
				body := ""
				if test.status != http.StatusOK {
					body = `"error"`
				}
				a.want(t, test.status, body)
				a.wantReason(t, test.reason)
			}
		})
	}
}

// Attack: learn from the answer whether a token was revoked, expired or never valid, and so
// whether it is worth more attempts.
func TestRefusedTokensLookAlike(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	revoked := g.mint(t, nil)
	g.end(t, revoked, "")
	expired := tokentest.Mint(t, g.key, tokentest.Claims(time.Now().Add(-time.Hour), nil))
	other := tokentest.NewKey(t, "HS256", "")
	forged := tokentest.Mint(t, other, tokentest.Claims(time.Now(), nil))
	first := g.get(t, "/", revoked)
	for name, token := range map[string]string{"expired": expired, "forged": forged, "broken": "abc"} {
		a := g.get(t, "/", token)
		if a.Code != first.Code || a.Body.String() != first.Body.String() {
			t.Errorf("%s: %d %s, but revoked: %d %s", name, a.Code, a.Body, first.Code, first.Body)
		}
		for field := range first.Header() {
			if got, want := a.Header().Get(field), first.Header().Get(field); got != want {
				t.Errorf("%s: %s is %q, but revoked: %q", name, field, got, want)
			}
		}
	}
}

// Invariant 7: a store that fails is 503, never 200 and never "not found".
func TestAStoreThatFailsIsUnavailable(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	token := g.mint(t, nil)
	g.get(t, "/", token).want(t, http.StatusOK, "")
	caller, ended := g.mint(t, map[string]any{"sid": "session-3"}), g.mint(t, map[string]any{"sid": "ended", "sub": "bob"})
	for _, seen := range []string{caller, ended, g.mint(t, map[string]any{"sid": "bobs", "sub": "bob"})} {
		g.get(t, "/", seen).want(t, http.StatusOK, "")
	}
	g.end(t, ended, "").want(t, http.StatusOK, invalidated)
	opened, _ := g.app.hub.Store()
	if err := opened.Close(); err != nil {
		t.Fatal(err)
	}
	// Attack: try ids while the store is unreachable, to learn which ids belong to
	// sessions.
	for _, id := range []string{"unknown", "ended", "bobs"} {
		g.end(t, caller, `{"session_id":"`+id+`"}`).want(t, http.StatusServiceUnavailable, "The revocation is not confirmed yet")
	}
	a := g.end(t, token, "")
	a.want(t, http.StatusServiceUnavailable, "temporarily_unavailable")
	a.wantReason(t, "unavailable")
	if a.Header().Get("Retry-After") != "1" {
		t.Errorf("Retry-After is %q, want 1", a.Header().Get("Retry-After"))
	}
	other := g.mint(t, map[string]any{"sid": "session-2", "jti": "token-2"})
	g.end(t, other, `{"session_id":"unknown here"}`).want(t, http.StatusServiceUnavailable, "temporarily_unavailable")

	// The unconfirmed revocation holds here all the same, and may be retried.
	g.get(t, "/", token).want(t, http.StatusUnauthorized, "unauthorized")
	g.end(t, token, "").want(t, http.StatusServiceUnavailable, "temporarily_unavailable")
}

// Invariant 11: until the set is known, nothing is admitted.
func TestNothingIsAdmittedBeforeTheStart(t *testing.T) {
	g := newGate(t, "HS256", Gate{Public: []string{"/healthz"}})
	g.app.hub = hub.New(hub.Options{})
	g.reload(t, g.gate.logger)
	token := g.mint(t, nil)
	g.get(t, "/", token).want(t, http.StatusServiceUnavailable, "temporarily_unavailable")
	g.end(t, token, "").want(t, http.StatusServiceUnavailable, "temporarily_unavailable")
	g.get(t, "/", token+"x").want(t, http.StatusUnauthorized, "unauthorized")
	g.get(t, "/healthz", "").want(t, http.StatusOK, "")
}

func TestAdmittedRequestsCarryAnIdentity(t *testing.T) {
	g := newGate(t, "HS256", Gate{
		Identity: &identity.Config{Preset: "authelia"}, Claims: []string{"email", "groups"}, StripToken: true,
	})
	token := g.mint(t, map[string]any{"email": "a@example.com", "groups": []string{"staff", "ops"}})
	r := request(http.MethodGet, "/", token, "")
	r.Header.Set("Remote-User", "root")
	r.Header.Set("Remote_Name", "root")
	a := g.serve(t, r)
	a.want(t, http.StatusOK, "")
	for field, want := range map[string]string{
		"Remote-User": "alice", "Remote-Email": "a@example.com", "Remote-Groups": "staff,ops",
		"Remote-Name": "", "Remote_Name": "", "Authorization": "",
	} {
		if got := strings.Join(a.upstream.Header[field], "|"); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	for placeholder, want := range map[string]string{
		"{http.auth.user.id}": "alice", "{http.auth.user.session_id}": "session-1",
		"{http.auth.user.token_id}": "token-1", "{http.auth.user.issuer}": tokentest.Issuer,
		"{http.auth.user.email}": "a@example.com", "{http.auth.user.groups}": "staff,ops",
		"{http.auth.user.aud}": "",
	} {
		if got := a.replacer.ReplaceAll(placeholder, ""); got != want {
			t.Errorf("%s is %q, want %q", placeholder, got, want)
		}
	}
}

func TestSessionsOfAdmittedRequestsAreKnownAtOnce(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	alices := func(subject string) bool { return subject == "alice" }
	if err := g.app.hub.Owned(t.Context(), tokentest.Issuer, "session-1", alices); !errors.Is(err, store.ErrUnknownSession) {
		t.Errorf("an unseen session: %v, want ErrUnknownSession", err)
	}
	g.get(t, "/", g.mint(t, nil))
	if err := g.app.hub.Owned(t.Context(), tokentest.Issuer, "session-1", alices); err != nil {
		t.Errorf("the session is not alice's: %v", err)
	}
}
