package sessionapi

import (
	"net/http"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// The rows of the session API about named sessions.
func TestWhoMayEndWhichSession(t *testing.T) {
	const ok, unauthorized, notFound = http.StatusOK, http.StatusUnauthorized, http.StatusNotFound
	alice := func(session string) map[string]any { return map[string]any{"sid": session, "jti": session} }
	bob := map[string]any{"sub": "bob", "sid": "b1", "jti": "b1"}
	admin := map[string]any{"sub": "root", "sid": "r1", "scope": "a sessions:revoke"}
	tests := []struct {
		name   string
		seen   []map[string]any // sessions that were admitted before
		ended  []map[string]any // sessions that were ended before
		caller map[string]any
		body   string
		status int
		want   string
	}{
		{"her own", nil, nil, alice("a1"), "", ok, invalidated},
		{"her own, with an empty object", nil, nil, alice("a1"), "{}", ok, invalidated},
		{"her own, by name", nil, nil, alice("a1"), `{"session_id":"a1"}`, ok, `"session_id":"a1"}`},
		{"another of hers", []map[string]any{alice("a2")}, nil, alice("a1"), `{"session_id":"a2"}`, ok, `"session_id":"a2"}`},
		{"one that nobody has seen", nil, nil, alice("a1"), `{"session_id":"a2"}`, notFound, "invalid_session"},
		{"somebody else's", []map[string]any{bob}, nil, alice("a1"), `{"session_id":"b1"}`, notFound, "invalid_session"},
		{"another of hers that is over", []map[string]any{alice("a2")}, []map[string]any{alice("a2")}, alice("a1"), `{"session_id":"a2"}`, notFound, "invalid_session"},
		{"her own again", nil, []map[string]any{alice("a1")}, alice("a1"), "", notFound, "invalid_session"},
		{"her own again, by name", nil, []map[string]any{alice("a1")}, alice("a1"), `{"session_id":"a1"}`, notFound, "invalid_session"},
		{"another from one that is over", []map[string]any{alice("a2")}, []map[string]any{alice("a1")}, alice("a1"), `{"session_id":"a2"}`, unauthorized, "unauthorized"},
		{"anybody's, as admin", []map[string]any{bob}, nil, admin, `{"session_id":"b1"}`, ok, `"session_id":"b1"}`},
		{"one that nobody has seen, as admin", nil, nil, admin, `{"session_id":"b1"}`, notFound, "invalid_session"},
		{"one that has no subject, from a token without one", []map[string]any{{"sub": nil, "sid": "x"}}, nil, map[string]any{"sub": nil, "sid": "y"}, `{"session_id":"x"}`, notFound, "invalid_session"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := newAPI(t, "HS256", Options{AdminScope: "sessions:revoke"})
			for _, claims := range test.seen {
				g.Get(t, "/", g.Mint(t, claims)).Want(t, ok, "")
			}
			for _, claims := range test.ended {
				g.end(t, g.Mint(t, claims), "").Want(t, ok, invalidated)
			}
			g.end(t, g.Mint(t, test.caller), test.body).Want(t, test.status, test.want)
		})
	}
}

// Attack: a token that was revoked by its own id ends its session, which is still live.
func TestATokenRevokedByItsOwnIDEndsNothing(t *testing.T) {
	g := newAPI(t, "HS256", Options{})
	stolen := g.Mint(t, nil)
	g.Revoke(t, store.KindToken, "token-1", 0)
	g.end(t, stolen, "").Want(t, http.StatusUnauthorized, "unauthorized")
	g.Get(t, "/", g.Mint(t, map[string]any{"jti": "token-2"})).Want(t, http.StatusOK, "")
}

func TestATokenWithoutASessionEndsItself(t *testing.T) {
	for name, changes := range map[string]map[string]any{
		"by its token id": {"sid": nil},
		"by its hash":     {"sid": nil, "jti": nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := newAPI(t, "HS256", Options{})
			token := g.Mint(t, changes)
			g.Get(t, "/", token).Want(t, http.StatusOK, "")
			g.end(t, token, "").Want(t, http.StatusOK, invalidated)
			g.Get(t, "/", token).Want(t, http.StatusUnauthorized, "unauthorized")
			g.end(t, token, "").Want(t, http.StatusNotFound, "invalid_session")
		})
	}
}
