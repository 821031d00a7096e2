package caddymodule

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// newGateOf is newGate with several issuers. Each has its own secret.
func newGateOf(tb testing.TB, config Gate, issuers ...string) (*gateTest, map[string]*tokentest.Key) {
	tb.Helper()
	keys := map[string]*tokentest.Key{}
	var configured []*Issuer
	for _, name := range issuers {
		key := tokentest.NewKey(tb, "HS256", "")
		key.Secret = []byte(hex.EncodeToString(key.Secret))
		keys[name] = key
		configured = append(configured, &Issuer{
			Issuer: name, Audience: []string{tokentest.Audience}, HMACSecret: []string{string(key.Secret)},
		})
	}
	test := &gateTest{}
	test.start(tb, config, configured...)
	return test, keys
}

// Invariant 6. Attack: an operator or a user of one issuer ends the sessions of another
// issuer by their names, or by a name that concatenates to the same text. Issuers are
// compared byte by byte.
func TestIssuersNeverTouchEachOther(t *testing.T) {
	for name, tt := range map[string]struct {
		issuers  [2]string
		sessions [2]string
	}{
		"the same session id":             {[2]string{"https://id.example.com", "https://id.example.org"}, [2]string{"s", "s"}},
		"a trailing slash":                {[2]string{"https://id.example.com", "https://id.example.com/"}, [2]string{"s", "s"}},
		"letter case":                     {[2]string{"https://id.example.com", "https://ID.example.com"}, [2]string{"s", "s"}},
		"the default port":                {[2]string{"https://id.example.com", "https://id.example.com:443"}, [2]string{"s", "s"}},
		"an escape":                       {[2]string{"https://id.example.com/a", "https://id.example.com/%61"}, [2]string{"s", "s"}},
		"a realm below":                   {[2]string{"https://id.example.com", "https://id.example.com/realms/a"}, [2]string{"/realms/as", "s"}},
		"a separator that moves":          {[2]string{"a", "a:b"}, [2]string{"b:c", "c"}},
		"a separator of another kind":     {[2]string{"a", "a|b"}, [2]string{"b|c", "c"}},
		"a part that is moved whole":      {[2]string{"ab", "a"}, [2]string{"c", "bc"}},
		"one is the name of the session":  {[2]string{"a", "b"}, [2]string{"b", "a"}},
		"composed and decomposed letters": {[2]string{"https://caf\u00e9", "https://cafe\u0301"}, [2]string{"s", "s"}},
	} {
		for i, attacker := range tt.issuers {
			// One after the other: gates that run at once share their store.
			t.Run(name+", "+attacker, func(t *testing.T) {
				attackIssuer(t, attacker, tt.sessions[i], tt.issuers[1-i], tt.sessions[1-i])
			})
		}
	}
}

// attackIssuer tries everything that one issuer can do to a session of another issuer.
func attackIssuer(t *testing.T, attacker, session, victim, target string) {
	t.Helper()
	g, keys := newGateOf(t, Gate{AdminScope: "sessions:revoke"}, attacker, victim)
	mint := func(issuer string, changes map[string]any) string {
		claims := tokentest.Claims(time.Now(), changes)
		claims["iss"] = issuer
		return tokentest.Mint(t, keys[issuer], claims)
	}
	live := mint(victim, map[string]any{"sid": target, "jti": "t"})
	g.get(t, "/", live).want(t, http.StatusOK, "")

	// A subject of the same name, and an administrator, name the session.
	body, err := json.Marshal(map[string]string{"session_id": target})
	if err != nil {
		t.Fatal(err)
	}
	for _, caller := range []map[string]any{{"sid": "other"}, {"sid": "other", "scope": "sessions:revoke"}} {
		g.end(t, mint(attacker, caller), string(body)).want(t, http.StatusNotFound, "invalid_session")
	}
	// A token with the other issuer's name, signed by the wrong key.
	forged := tokentest.Mint(t, keys[attacker], tokentest.Claims(time.Now(), map[string]any{"iss": victim, "sid": target}))
	g.end(t, forged, "").want(t, http.StatusUnauthorized, "unauthorized")
	g.get(t, "/", forged).want(t, http.StatusUnauthorized, "unauthorized")

	// A token with the same token id, and the session of the attacker's own issuer that the
	// attack uses.
	own := mint(attacker, map[string]any{"sid": session, "jti": "u"})
	g.get(t, "/", own).want(t, http.StatusOK, "")
	g.end(t, mint(attacker, map[string]any{"sid": nil, "jti": "t", "client_id": "alice"}), "").want(t, http.StatusOK, invalidated)
	g.end(t, own, "").want(t, http.StatusOK, invalidated)
	g.get(t, "/", own).want(t, http.StatusUnauthorized, "unauthorized")

	g.get(t, "/", live).want(t, http.StatusOK, "")
	g.end(t, live, "").want(t, http.StatusOK, invalidated)
}
