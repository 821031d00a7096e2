package tests

import (
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestDeleteEndsTheSessionOfTheToken(t *testing.T) {
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		cases := map[string]func(token string) harness.Answer{
			"without a body": func(token string) harness.Answer { return end(t, g, token) },
			"with a Content-Type alone": func(token string) harness.Answer {
				return g.Send(t, "DELETE", endpoint, harness.Bearer(token), harness.Header("Content-Type", "application/json"))
			},
			"with an empty object":   func(token string) harness.Answer { return end(t, g, token, `{}`) },
			"with unknown members":   func(token string) harness.Answer { return end(t, g, token, `{"reason":"x","id":[1]}`) },
			"with the charset named": func(token string) harness.Answer { return endAs(t, g, token, "application/json; charset=UTF-8") },
			"with parameters":        func(token string) harness.Answer { return endAt(t, g, token, "?session_id=other&x=%2f") },
			"with an empty query":    func(token string) harness.Answer { return endAt(t, g, token, "?") },
			"with a scheme in capitals": func(token string) harness.Answer {
				return g.Send(t, "DELETE", endpoint, harness.Header("Authorization", "BEARER "+token))
			},
		}
		for name, send := range cases {
			t.Run(name, func(t *testing.T) {
				token := g.Token(session(name))
				sibling := g.Token(session(name, "jti", "refreshed"))
				see(t, g, token, sibling)
				invalidated.check(t, send(token))
				// All tokens of the session are useless, also those issued since.
				for _, of := range []string{token, sibling, g.Token(session(name, "jti", "later"))} {
					badToken.check(t, get(t, g, of))
				}
				checkUnreached(t, g)
				checkAdmitted(t, get(t, g, g.Token(session("another of "+name))))
			})
		}
	})
}

func endAs(t *testing.T, g *harness.Gate, token, contentType string) harness.Answer {
	t.Helper()
	return g.Send(t, "DELETE", endpoint, harness.Bearer(token), harness.Body(contentType, `{}`))
}

func endAt(t *testing.T, g *harness.Gate, token, query string) harness.Answer {
	t.Helper()
	return g.Send(t, "DELETE", endpoint+query, harness.Bearer(token))
}

func TestDeleteEndsTheSessionThatIsNamed(t *testing.T) {
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		laptop, phone := g.Token(session("laptop")), g.Token(session("phone"))
		see(t, g, laptop, phone)
		t.Run("another of the same subject, known at once", func(t *testing.T) {
			invalidatedID("phone").check(t, end(t, g, laptop, `{"session_id":"phone"}`))
			badToken.check(t, get(t, g, phone))
			checkAdmitted(t, get(t, g, laptop))
		})
		t.Run("the caller's own", func(t *testing.T) {
			invalidatedID("laptop").check(t, end(t, g, laptop, `{"session_id":"laptop","session_ids":["phone"]}`))
			badToken.check(t, get(t, g, laptop))
		})
		t.Run("the caller's own that was never seen", func(t *testing.T) {
			fresh := g.Token(session("never seen"))
			invalidatedID("never seen").check(t, end(t, g, fresh, `{"session_id":"never seen"}`))
			badToken.check(t, get(t, g, fresh))
		})
		t.Run("by an escaped name", func(t *testing.T) {
			token := g.Token(session(`ü"<1>`))
			see(t, g, token)
			got := end(t, g, g.Token(session("tablet")), `{"session_id":"\u00fc\"\u003c1\u003e"}`)
			if got.Status != 200 || jsonOf(t, got.Body)["session_id"] != `ü"<1>` {
				t.Errorf("answer is %d %s, want the session as it was given", got.Status, got.Body)
			}
			badToken.check(t, get(t, g, token))
		})
		for _, reached := range g.Upstream.Take() {
			if reached.Method == "DELETE" {
				t.Error("a DELETE reached the upstream")
			}
		}
	})
}

func TestAdminScopeEndsSessionsOfItsIssuer(t *testing.T) {
	harness.EachStore(t, func(t *testing.T, store string) {
		const other = "https://other.example.com"
		g := harness.Start(t, harness.Config{
			Store: store, Gate: "admin_scope sessions:revoke",
			Issuers: issuerBlock("https://id.example.com") + issuerBlock(other),
		})
		admin := g.Token(session("admin", "sub", "root", "scope", "openid sessions:revoke"))
		plain := g.Token(session("plain", "sub", "mallory", "scope", "sessions:revoked sessions"))
		bobs, others := g.Token(session("bobs", "sub", "bob")), g.Token(session("others", "sub", "bob", "iss", other))
		see(t, g, bobs, others)

		noSession.check(t, end(t, g, plain, `{"session_id":"bobs"}`))
		// Attack: one issuer's administrators end the sessions of another's users.
		noSession.check(t, end(t, g, admin, `{"session_id":"others"}`))
		checkAdmitted(t, get(t, g, bobs))
		invalidatedID("bobs").check(t, end(t, g, admin, `{"session_id":"bobs"}`))
		badToken.check(t, get(t, g, bobs))
		noSession.check(t, end(t, g, admin, `{"session_id":"bobs"}`))
		noSession.check(t, end(t, g, admin, `{"session_id":"nobodys"}`))
		checkAdmitted(t, get(t, g, others))
	})
}

// issuerBlock is an issuer whose tokens are signed with the key of the gate.
func issuerBlock(name string) string {
	return "issuer " + name + " {\nhmac_secret {file.{$GATE_DIR}/hmac_secret}\naudience legacy-app\n}\n"
}
