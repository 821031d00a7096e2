package contract

import (
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// A token in the query is checked like any other, and neither the upstream nor the log sees
// it.
//
// Attack: read the token of a user in the address that the application shows, or in the
// access log.
func TestTokenInTheQueryIsTakenOut(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{
		TLS:  true,
		Gate: harness.BothSources + "\ntoken query access_token",
		Site: "log {\nformat filter {\nrequest>uri query {\ndelete access_token\n}\nrequest>headers>Referer delete\n}\n}",
	})
	good, revoked := g.Token(harness.Session("good")), g.Token(harness.Session("revoked"))
	misspelt := g.Token(harness.Session("misspelt")) // the log shows it, since no filter knows the name
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		send := func(target string, fields ...string) harness.Answer {
			t.Helper()
			return g.Over(t, protocol, harness.Request{Method: "GET", Target: target, Fields: fields})
		}
		for target, want := range map[string]string{
			"/events?access_token=" + good: "/events", "/events?x=%20&access_token=" + good + "&y": "/events?x=%20&y", "/a%2fb?access_token=" + good: "/a%2fb",
		} {
			harness.CheckAdmitted(t, send(target))
			if reached := g.Upstream.TakeOne(t); reached.URI != want {
				t.Errorf("the upstream got %q, want %q", reached.URI, want)
			}
		}
		answers.BadToken.Check(t, send("/?access_token=x"))
		answers.NoToken.Check(t, send("/?access_token="))
		answers.NoToken.Check(t, send("/?Access_Token="+misspelt))
		for _, hidden := range []string{"ACCESS_TOKEN=", "access_token[]=", "%61ccess_token=", "access_token=", "x;access_token="} {
			answers.Several.Check(t, send("/?access_token="+good+"&"+hidden+misspelt))
		}
		answers.Several.Check(t, send("/?access_token="+good, "Authorization: Bearer "+revoked))
		answers.Several.Check(t, send("/?access_token="+good, "Cookie: session="+revoked))
		harness.CheckUnreached(t, g)
	})
	answers.Invalidated.Check(t, g.Send(t, "DELETE", harness.Endpoint+"?access_token="+revoked))
	answers.BadToken.Check(t, g.Send(t, "GET", "/?access_token="+revoked))
	g.Stop()
	for _, token := range []string{good, revoked} {
		if strings.Contains(g.Logs(), token[strings.LastIndexByte(token, '.'):]) {
			t.Error("a token stands in the log")
		}
	}
}
