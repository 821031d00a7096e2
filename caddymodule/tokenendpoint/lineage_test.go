package tokenendpoint

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
)

// before makes the store learn tokens as if they were issued a minute ago.
func (g *grantTest) before(t *testing.T, tokens ...string) {
	t.Helper()
	learned := g.Gate.Hub.Tokens()
	for _, token := range tokens {
		known, err := learned.Known(t.Context(), g.endpoint.tokenKey(token))
		if err != nil || len(known) != 1 {
			t.Fatalf("%s is known as %v, %v", token, known, err)
		}
		known[0].IssuedAt -= 60
		if err := learned.Learn(t.Context(), known...); err != nil {
			t.Fatal(err)
		}
	}
}

// Attack: refresh while all sessions of a subject that began before an instant are revoked.
// The new tokens are younger than the instant. They must count as being as old as their
// login.
func TestARefreshedTokenIsAsOldAsItsLogin(t *testing.T) {
	now := time.Now()
	for name, old := range map[string]func(*grantTest) string{
		"an opaque token": func(g *grantTest) string {
			g.Login(t, hand(g.access(t, "t1", nil), "r1"))
			g.before(t, "r1")
			return "r1"
		},
		"a JWT that the gate has not seen": func(g *grantTest) string {
			return g.Mint(t, map[string]any{"sid": "s", "iat": now.Unix() - 60})
		},
	} {
		for _, moment := range []string{"while it is refreshed", "afterwards"} {
			t.Run(name+", "+moment, func(t *testing.T) {
				g := newGrantTest(t, Options{})
				first := old(g)
				tokens := hand(g.access(t, "t2", nil), "r2")
				end := func() { g.Revoke(t, store.KindSubject, "alice", now.Unix()-30) }
				if moment == "afterwards" {
					g.WantRefreshed(t, first, tokens)
					end()
				} else {
					g.Answers(func(w http.ResponseWriter, _ *http.Request) {
						end()
						_ = json.NewEncoder(w).Encode(tokens) // the gate buffers it
					})
					g.Send(t, http.MethodPost, tokenPath, formMedia, "grant_type=refresh_token&refresh_token="+first).WantInvalidGrant(t)
					g.Take()
				}
				g.WantRefused(t, "r2")
				// Another login began after the instant.
				again := g.access(t, "t3", nil)
				g.Login(t, hand(again, "r3"))
				g.WantRefreshed(t, "r3", hand(again, "r4"))
			})
		}
	}
}

// If all sessions but one are revoked, the excepted session can still refresh, although its
// login was before the instant. The others cannot.
func TestTheExceptedSessionCanRefresh(t *testing.T) {
	signed := func(g *grantTest, tokenID string, issued int64) string {
		return g.Mint(t, map[string]any{
			"sid": nil, "jti": tokenID, "aud": tokentest.Issuer, "typ": "Refresh", "iat": issued, "exp": issued + 3600,
		})
	}
	old := time.Now().Unix() - 60
	for name, refresh := range map[string]func(g *grantTest, tokenID string) string{
		"opaque": func(_ *grantTest, tokenID string) string { return tokenID },
		"JWT":    func(g *grantTest, tokenID string) string { return signed(g, tokenID, old) },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGrantTest(t, Options{})
			in := func(session, tokenID string) map[string]any {
				return hand(g.access(t, "t"+tokenID, map[string]any{"sid": session}), refresh(g, tokenID))
			}
			unseen := signed(g, "unseen", old)
			g.Login(t, in("laptop", "l1"))
			g.Login(t, in("phone", "p1"))
			g.WantRefreshed(t, refresh(g, "l1"), in("laptop", "l2"))
			g.Serve(t, callertest.Request(http.MethodDelete, sessionsPath+"?except=current", g.Of(t, "laptop"), "")).Want(t, http.StatusOK, allEnded)
			for _, token := range []string{"l1", "l2"} {
				g.WantRefreshed(t, refresh(g, token), in("laptop", "l2")) // the same token again
			}
			g.WantRefreshed(t, refresh(g, "l2"), in("laptop", "l3"))
			g.WantRefused(t, refresh(g, "p1"))
			// A token without a session, about which nothing was learned, is not known to
			// be excepted.
			g.WantRefused(t, unseen)
			g.end(t, g.Of(t, "laptop")).Want(t, http.StatusOK, invalidated)
			for _, token := range []string{"l1", "l2", "l3"} {
				g.WantRefused(t, refresh(g, token))
			}
		})
	}
}

// Tokens that are granted for the access token of a user continue the user's session, as
// with Entra ID on behalf of the user. Attack: present an access token of a revoked session
// as an assertion, to get new tokens.
func TestWhatAnAssertionIsGrantedStaysInItsSession(t *testing.T) {
	const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	g := newGrantTest(t, Options{})
	first := g.access(t, "t1", nil)
	g.Login(t, hand(first, "r1"))
	granted := g.access(t, "t2", nil)
	g.Grant(t, hand(granted, "r2"), "grant_type", jwtBearer, "assertion", first, "requested_token_use", "on_behalf_of").Want(t, http.StatusOK, "{")
	// The endpoint decides about assertions of clients and of SAML.
	clients := tokentest.Mint(t, tokentest.NewKey(t, "ES256", ""), tokentest.Claims(time.Now(), nil))
	g.Grant(t, hand("opaque", "r3"), "grant_type", jwtBearer, "assertion", clients).Want(t, http.StatusOK, "{")
	saml := strings.Repeat("PHNhbWw+\r\n", 2000) + "PC9zYW1sPg=="
	g.Grant(t, hand("opaque", "r4"), "grant_type", "urn:ietf:params:oauth:grant-type:saml2-bearer", "assertion", saml).Want(t, http.StatusOK, "{")
	g.Take()

	g.end(t, first).Want(t, http.StatusOK, invalidated)
	g.Get(t, "/", granted).Want(t, http.StatusUnauthorized, "unauthorized")
	g.WantRefused(t, "r2")
	for _, grant := range []string{jwtBearer, "of our own", "password"} {
		g.Grant(t, nil, "grant_type", grant, "assertion", first).WantInvalidGrant(t)
	}
	g.wantMalformed(t, "grant_type", jwtBearer, "assertion", first+"=")
	g.WantTaken(t, 0)
}
