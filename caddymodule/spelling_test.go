package caddymodule

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// The attack: a token is revoked, and its twin, which everybody can make of
// it, goes on. Whichever of the two ends the session, both are refused, from the
// cache and without it, and both have been logged out already.
func TestATwinOfARevokedTokenIsRefused(t *testing.T) {
	for _, algorithm := range []string{"ES256", "ES384", "ES512"} {
		g := newGate(t, algorithm, Gate{})
		for name, changes := range map[string]map[string]any{
			"with a session and a token id": {"sid": "s", "jti": "t"},
			"with a session":                {"sid": "s2", "jti": nil},
			"with a token id":               {"sid": nil, "jti": "t3"},
			"without ids":                   {"sid": nil, "jti": nil},
		} {
			for _, twinEnds := range []bool{false, true} {
				changes["nonce"] = twinEnds // another text
				if changes["sid"] != nil {
					changes["sid"] = algorithm + name + map[bool]string{true: "twin"}[twinEnds]
				} else if changes["jti"] != nil {
					changes["jti"] = algorithm + name + map[bool]string{true: "twin"}[twinEnds]
				}
				raw := g.mint(t, changes)
				twin := g.key.Twin(t, raw)
				ending, other := raw, twin
				if twinEnds {
					ending, other = twin, raw
				}
				g.get(t, "/", other).want(t, http.StatusOK, "") // it is in the cache
				g.end(t, ending, "").want(t, http.StatusOK, invalidated)
				for _, token := range []string{other, ending, other} {
					a := g.get(t, "/", token)
					for a.abandoned { // it was cut while it was refused
						a = g.get(t, "/", token)
					}
					a.want(t, http.StatusUnauthorized, "unauthorized")
				}
				g.end(t, other, "").want(t, http.StatusNotFound, "invalid_session")
			}
		}
	}
}

// The attack: after the logout the issuer, who was never told, signs the same
// ids again. What names a revoked token or session stays revoked, whatever else
// the new token says.
func TestAReissuedTokenOfRevokedIDsIsRefused(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	g.end(t, g.mint(t, map[string]any{"sid": nil, "jti": "t"}), "").want(t, http.StatusOK, invalidated)
	g.end(t, g.mint(t, map[string]any{"sid": "s"}), "").want(t, http.StatusOK, invalidated)
	for name, changes := range map[string]map[string]any{
		"the token id":                     {"sid": nil, "jti": "t", "scope": "new"},
		"the token id under another user":  {"sid": nil, "jti": "t", "sub": "bob"},
		"the token id in a new session":    {"sid": "new", "jti": "t"},
		"the session":                      {"sid": "s", "jti": "new"},
		"the session without a token id":   {"sid": "s", "jti": nil},
		"the session without a subject":    {"sid": "s", "sub": nil},
		"the session for another audience": {"sid": "s", "aud": []string{"other", tokentest.Audience}},
	} {
		t.Run(name, func(t *testing.T) {
			g.get(t, "/", g.mint(t, changes)).want(t, http.StatusUnauthorized, "unauthorized")
		})
	}
	// And nothing else is.
	g.get(t, "/", g.mint(t, map[string]any{"sid": "t", "jti": "s"})).want(t, http.StatusOK, "")
}

// The attack: end, or take for ended, a session by something else that has its
// name: a token id, a subject, an id that looks like it.
func TestASessionIsEndedByItsOwnNameOnly(t *testing.T) {
	const composed, decomposed = "caf\u00e9", "cafe\u0301"
	g := newGate(t, "HS256", Gate{})
	victim := g.mint(t, map[string]any{"sid": composed, "jti": "victim"})
	g.get(t, "/", victim).want(t, http.StatusOK, "")

	// A token id, and a subject, of that name.
	g.end(t, g.mint(t, map[string]any{"sid": nil, "jti": composed}), "").want(t, http.StatusOK, invalidated)
	g.end(t, g.mint(t, map[string]any{"sid": "x", "sub": composed}), "").want(t, http.StatusOK, invalidated)
	g.get(t, "/", victim).want(t, http.StatusOK, "")

	caller := g.mint(t, map[string]any{"sid": "caller", "jti": "caller"})
	g.get(t, "/", caller).want(t, http.StatusOK, "")
	for _, name := range []string{
		decomposed, "CAF\u00c9", composed + " ", composed + "\u200b", "victim", "alice", `caf\u00e9`, "caf%C3%A9",
	} {
		body, err := json.Marshal(map[string]string{"session_id": name})
		if err != nil {
			t.Fatal(err)
		}
		g.end(t, caller, string(body)).want(t, http.StatusNotFound, "invalid_session")
	}
	g.get(t, "/", victim).want(t, http.StatusOK, "")

	// Its own name, in the escapes of JSON, is its own name.
	g.end(t, caller, `{"session\u005fid":"\u0063af\u00E9"}`).want(t, http.StatusOK, `"session_id":"café"`)
	g.get(t, "/", victim).want(t, http.StatusUnauthorized, "unauthorized")
}
