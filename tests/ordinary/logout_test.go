package ordinary

import (
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// A browser itself states that a page ends its own session (Sec-Fetch-Site). A proxy that
// sends the gate another Host than the browser's does not make that another site.
func TestLogoutsByCookieAreDoneBehindProxiesThatRewriteHost(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{Gate: harness.BothSources + "\nsessions_endpoint /v1/auth/sessions"})
	for proxy, head := range map[string][]string{
		// proxy_pass sets Host to $proxy_host and speaks HTTP/1.0.
		"nginx": {" HTTP/1.0", "Host: gate_backend", "Connection: close"},
		// ProxyPreserveHost is off.
		"Apache": {" HTTP/1.1", "Host: 127.0.0.1:8080", "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Host: app.test", "X-Forwarded-Server: app.test", "Connection: Keep-Alive"},
		// preserveHostHeader is false.
		"IIS":        {" HTTP/1.1", "Host: gate:8080", "X-Forwarded-For: 192.0.2.7:50123", "X-ARR-SSL: 2048|256|CN=CA|CN=app.test", "X-ARR-LOG-ID: 7d8f", "Max-Forwards: 10"},
		"CloudFront": {" HTTP/1.1", "Host: origin.example.net", "Via: 2.0 0123.cloudfront.net (CloudFront)", "X-Amz-Cf-Id: abc==", "Connection: Keep-Alive"},
	} {
		for _, path := range []string{harness.Endpoint, "/v1/auth/sessions"} {
			t.Run(proxy+" hands on DELETE "+path, func(t *testing.T) {
				token := g.Token(harness.Session(proxy+path, "sub", proxy+path))
				harness.See(t, g, token)
				answer, err := speak(t, g, "DELETE", "DELETE "+path+strings.Join(head, "\r\n")+"\r\n"+
					"Origin: https://app.test\r\nReferer: https://app.test/account\r\nSec-Fetch-Site: same-origin\r\n"+
					"Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nCookie: theme=dark; session="+token+"\r\n\r\n")
				if err != nil || answer.Status != 200 {
					t.Fatalf("answer is %d %s, error %v, want 200", answer.Status, answer.Body, err)
				}
				answers.BadToken.Check(t, harness.Get(t, g, token))
			})
		}
	}
	harness.CheckAdmitted(t, harness.Get(t, g, g.Token(harness.Session("another"))))
}
