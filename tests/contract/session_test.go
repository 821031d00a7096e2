package contract

import (
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestDeleteEndsTheSessionOfTheToken(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		cases := map[string]func(token string) harness.Answer{
			"without a body": func(token string) harness.Answer { return harness.End(t, g, token) },
			"with a Content-Type alone": func(token string) harness.Answer {
				return g.Send(t, "DELETE", harness.Endpoint, harness.Bearer(token), harness.Header("Content-Type", "application/json"))
			},
			"with an empty object":   func(token string) harness.Answer { return harness.End(t, g, token, `{}`) },
			"with unknown members":   func(token string) harness.Answer { return harness.End(t, g, token, `{"reason":"x","id":[1]}`) },
			"with the charset named": func(token string) harness.Answer { return endAs(t, g, token, "application/json; charset=UTF-8") },
			"with parameters":        func(token string) harness.Answer { return endAt(t, g, token, "?session_id=other&x=%2f") },
			"with an empty query":    func(token string) harness.Answer { return endAt(t, g, token, "?") },
			"with a scheme in capitals": func(token string) harness.Answer {
				return g.Send(t, "DELETE", harness.Endpoint, harness.Header("Authorization", "BEARER "+token))
			},
		}
		for name, send := range cases {
			t.Run(name, func(t *testing.T) {
				token := g.Token(harness.Session(name))
				sibling := g.Token(harness.Session(name, "jti", "refreshed"))
				harness.See(t, g, token, sibling)
				answers.Invalidated.Check(t, send(token))
				// All tokens of the session are invalid, also those issued since.
				for _, of := range []string{token, sibling, g.Token(harness.Session(name, "jti", "later"))} {
					answers.BadToken.Check(t, harness.Get(t, g, of))
				}
				harness.CheckUnreached(t, g)
				harness.CheckAdmitted(t, harness.Get(t, g, g.Token(harness.Session("another of "+name))))
			})
		}
	})
}

func endAs(t *testing.T, g *harness.Gate, token, contentType string) harness.Answer {
	t.Helper()
	return g.Send(t, "DELETE", harness.Endpoint, harness.Bearer(token), harness.Body(contentType, `{}`))
}

func endAt(t *testing.T, g *harness.Gate, token, query string) harness.Answer {
	t.Helper()
	return g.Send(t, "DELETE", harness.Endpoint+query, harness.Bearer(token))
}

func TestDeleteEndsTheSessionThatIsNamed(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		laptop, phone := g.Token(harness.Session("laptop")), g.Token(harness.Session("phone"))
		harness.See(t, g, laptop, phone)
		t.Run("another of the same subject, known at once", func(t *testing.T) {
			answers.InvalidatedID("phone").Check(t, harness.End(t, g, laptop, `{"session_id":"phone"}`))
			answers.BadToken.Check(t, harness.Get(t, g, phone))
			harness.CheckAdmitted(t, harness.Get(t, g, laptop))
		})
		t.Run("the caller's own", func(t *testing.T) {
			answers.InvalidatedID("laptop").Check(t, harness.End(t, g, laptop, `{"session_id":"laptop","session_ids":["phone"]}`))
			answers.BadToken.Check(t, harness.Get(t, g, laptop))
		})
		t.Run("the caller's own that was never seen", func(t *testing.T) {
			fresh := g.Token(harness.Session("never seen"))
			answers.InvalidatedID("never seen").Check(t, harness.End(t, g, fresh, `{"session_id":"never seen"}`))
			answers.BadToken.Check(t, harness.Get(t, g, fresh))
		})
		t.Run("by an escaped name", func(t *testing.T) {
			token := g.Token(harness.Session(`ü"<1>`))
			harness.See(t, g, token)
			got := harness.End(t, g, g.Token(harness.Session("tablet")), `{"session_id":"\u00fc\"\u003c1\u003e"}`)
			if got.Status != 200 || harness.JSONOf(t, got.Body)["session_id"] != `ü"<1>` {
				t.Errorf("answer is %d %s, want the session as it was given", got.Status, got.Body)
			}
			answers.BadToken.Check(t, harness.Get(t, g, token))
		})
		for _, reached := range g.Upstream.Take() {
			if reached.Method == "DELETE" {
				t.Error("a DELETE reached the upstream")
			}
		}
	})
}

func TestAdminScopeEndsSessionsOfItsIssuer(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		const other = "https://other.example.com"
		g := harness.Start(t, harness.Config{
			Store: store, Gate: "admin_scope sessions:revoke",
			Issuers: harness.IssuerBlock("https://id.example.com") + harness.IssuerBlock(other),
		})
		admin := g.Token(harness.Session("admin", "sub", "root", "scope", "openid sessions:revoke"))
		plain := g.Token(harness.Session("plain", "sub", "mallory", "scope", "sessions:revoked sessions"))
		bobs, others := g.Token(harness.Session("bobs", "sub", "bob")), g.Token(harness.Session("others", "sub", "bob", "iss", other))
		harness.See(t, g, bobs, others)

		answers.NoSession.Check(t, harness.End(t, g, plain, `{"session_id":"bobs"}`))
		// Attack: administrators of one issuer end the sessions of another issuer's users.
		answers.NoSession.Check(t, harness.End(t, g, admin, `{"session_id":"others"}`))
		harness.CheckAdmitted(t, harness.Get(t, g, bobs))
		answers.InvalidatedID("bobs").Check(t, harness.End(t, g, admin, `{"session_id":"bobs"}`))
		answers.BadToken.Check(t, harness.Get(t, g, bobs))
		answers.NoSession.Check(t, harness.End(t, g, admin, `{"session_id":"bobs"}`))
		answers.NoSession.Check(t, harness.End(t, g, admin, `{"session_id":"nobodys"}`))
		harness.CheckAdmitted(t, harness.Get(t, g, others))
	})
}
