package contract

import (
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// overrides are the ways in which a request asks to be handled with another method.
func overrides(method string) map[string]harness.Request {
	return map[string]harness.Request{
		"X-HTTP-Method-Override": {Target: harness.Endpoint, Fields: []string{"X-HTTP-Method-Override: " + method}},
		"X-HTTP-Method":          {Target: harness.Endpoint, Fields: []string{"X-HTTP-Method: " + method}},
		"X-Method-Override":      {Target: harness.Endpoint, Fields: []string{"X-Method-Override: " + method}},
		"all of them":            {Target: harness.Endpoint, Fields: []string{"X-Method-Override: " + method, "X-HTTP-Method: " + method, "x_http_method_override: " + method}},
		"a query":                {Target: harness.Endpoint + "?_method=" + method},
	}
}

// Attack: two readers of one request find two methods. Only its own method counts here.
// Only a DELETE ends a session. No override turns a DELETE, or any other request, into an
// unguarded one.
func TestMethodOverridesAreIgnored(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true})
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		for name, request := range overrides("DELETE") {
			for _, method := range []string{"POST", "GET", "PUT"} {
				t.Run(method+" as a DELETE by "+name, func(t *testing.T) {
					request := request
					request.Method = method
					answers.NoToken.Check(t, g.Over(t, protocol, request))
					harness.CheckUnreached(t, g)
					token := g.Token(harness.Session(string(protocol) + method + name))
					request.Fields = append(request.Fields, "Authorization: Bearer "+token)
					harness.CheckAdmitted(t, g.Over(t, protocol, request))
					if reached := g.Upstream.TakeOne(t); reached.Method != method || reached.URI != request.Target {
						t.Errorf("%s %s reached the upstream", reached.Method, reached.URI)
					}
					harness.CheckAdmitted(t, harness.Get(t, g, token))
					g.Upstream.Take()
				})
			}
		}
		for _, other := range []string{"GET", "POST", "OPTIONS"} {
			for name, request := range overrides(other) {
				t.Run("DELETE as a "+other+" by "+name, func(t *testing.T) {
					request.Method = "DELETE"
					token := g.Token(harness.Session(string(protocol) + other + name))
					request.Fields = append(request.Fields, "Authorization: Bearer "+token)
					answers.Invalidated.Check(t, g.Over(t, protocol, request))
					answers.BadToken.Check(t, harness.Get(t, g, token))
					harness.CheckUnreached(t, g)
				})
			}
		}
		t.Run("a form", func(t *testing.T) {
			token := g.Token(harness.Session("form over " + string(protocol)))
			form := harness.Request{
				Method: "POST", Target: harness.Endpoint, Body: "_method=DELETE",
				Fields: []string{"Content-Type: application/x-www-form-urlencoded", "Authorization: Bearer " + token},
			}
			harness.CheckAdmitted(t, g.Over(t, protocol, form))
			if reached := g.Upstream.TakeOne(t); reached.Method != "POST" || reached.Body != form.Body {
				t.Errorf("%s with %q reached the upstream", reached.Method, reached.Body)
			}
			harness.CheckAdmitted(t, harness.Get(t, g, token))
			g.Upstream.Take()
		})
	})
}

// Caddy's own directive for it comes before the gate, and the method that the gate sees
// counts. A DELETE of the endpoint whose method was rewritten would be a logout that is not
// carried out.
func TestMethodThatCaddyRewritesCounts(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{Routes: `
		method /v1/* POST
		method /logout DELETE
		rewrite /logout /v1/auth/session
		method /orders GET
		session_gate
		reverse_proxy {$UPSTREAM}`})
	token := g.Token(harness.Session("laptop"))
	harness.See(t, g, token)
	answers.OtherSpelling.Check(t, g.Send(t, "DELETE", harness.Endpoint, harness.Bearer(token)))
	answers.OtherSpelling.Check(t, g.Send(t, "DELETE", harness.Endpoint+"/", harness.Bearer(token)))
	answers.NoToken.Check(t, g.Send(t, "DELETE", "/orders"))
	harness.CheckUnreached(t, g)
	harness.CheckAdmitted(t, g.Send(t, "DELETE", "/orders", harness.Bearer(token)))
	harness.CheckAdmitted(t, g.Send(t, "GET", harness.Endpoint, harness.Bearer(token)))
	if reached := g.Upstream.Take(); len(reached) != 2 || reached[0].Method != "GET" || reached[1].Method != "POST" {
		t.Errorf("the upstream got %v, want a GET and a POST", reached)
	}
	answers.NoToken.Check(t, g.Send(t, "POST", "/logout"))
	answers.Invalidated.Check(t, g.Send(t, "POST", "/logout", harness.Bearer(token)))
	answers.BadToken.Check(t, harness.Get(t, g, token))
	harness.CheckUnreached(t, g)
}

// Attack: preflights go upstream without a token. A preflight that asks for another method
// in an override, or has content, comes from no browser.
func TestWhatIsNoPreflightIsGuarded(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true})
	question := []string{"Origin: https://app.example.com", "Access-Control-Request-Method: GET"}
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		for name, request := range overrides("GET") {
			if len(request.Fields) == 0 {
				continue // a query belongs to the request that follows
			}
			t.Run(name, func(t *testing.T) {
				request.Method, request.Target, request.Fields = "OPTIONS", "/orders", append(request.Fields, question...)
				if name == "all of them" {
					request.Fields = request.Fields[1:]
				}
				answers.NoToken.Check(t, g.Over(t, protocol, request))
				harness.CheckUnreached(t, g)
			})
		}
		t.Run("with content", func(t *testing.T) {
			body := harness.Request{Method: "OPTIONS", Target: "/orders", Fields: question, Body: "delete=everything"}
			got := g.Over(t, protocol, body)
			if protocol != harness.HTTP3 {
				answers.NoToken.Check(t, got)
				harness.CheckUnreached(t, g)
				return
			}
			// Its head does not announce content, and none is passed on.
			harness.CheckAdmitted(t, got)
			if reached := g.Upstream.TakeOne(t); reached.Body != "" {
				t.Errorf("the upstream got the body %q", reached.Body)
			}
			body.Fields = append(body.Fields, "Content-Length: 17")
			answers.NoToken.Check(t, g.Over(t, protocol, body))
			harness.CheckUnreached(t, g)
		})
		harness.CheckAdmitted(t, g.Over(t, protocol, harness.Request{Method: "OPTIONS", Target: "/orders?_method=GET", Fields: question}))
		g.Upstream.TakeOne(t)
	})
}
