package caddymodule

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// Attack: a token is revoked, and its ECDSA twin, which anybody can compute, stays valid.
// Whichever of the two is used to end the session, both must be refused, with and without
// the cache. Both must also count as logged out.
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
					for a.abandoned { // it was cut while it was being refused
						a = g.get(t, "/", token)
					}
					a.want(t, http.StatusUnauthorized, "unauthorized")
				}
				g.end(t, other, "").want(t, http.StatusNotFound, "invalid_session")
			}
		}
	}
}

// Attack: the issuer does not know about the logout, and signs the same ids again. The name
// of a revoked token or session stays revoked, whatever else the new token says.
func TestAReissuedTokenOfRevokedIDsIsRefused(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	g.end(t, g.mint(t, map[string]any{"sid": nil, "jti": "t", "client_id": "alice"}), "").want(t, http.StatusOK, invalidated)
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
	// Nothing else is revoked.
	g.get(t, "/", g.mint(t, map[string]any{"sid": "t", "jti": "s"})).want(t, http.StatusOK, "")
}

// Attack: end a session, or make it count as ended, by something else with its name: a
// token id, a subject, or an id that looks like it.
func TestASessionIsEndedByItsOwnNameOnly(t *testing.T) {
	const composed, decomposed = "caf\u00e9", "cafe\u0301"
	g := newGate(t, "HS256", Gate{})
	victim := g.mint(t, map[string]any{"sid": composed, "jti": "victim"})
	g.get(t, "/", victim).want(t, http.StatusOK, "")

	// A token id and a subject with that name.
	g.end(t, g.mint(t, map[string]any{"sid": nil, "jti": composed, "client_id": "alice"}), "").want(t, http.StatusOK, invalidated)
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

	// The session's own name in JSON escapes is still its own name.
	g.end(t, caller, `{"session\u005fid":"\u0063af\u00E9"}`).want(t, http.StatusOK, `"session_id":"café"`)
	g.get(t, "/", victim).want(t, http.StatusUnauthorized, "unauthorized")
}
