package hostile

import (
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// A request target has four forms (RFC 9112 §3.2), and lenient readers know more.
//
// Attack: a target in which the gate reads a public path, or none, and the upstream a
// guarded one.
func TestTargetsOfEveryFormAreGuarded(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{Gate: publicGate})
	token := g.Token(harness.Session("laptop"))
	harness.See(t, g, token)
	for _, target := range []string{
		"http://gate.test/orders", "http://other.test/orders", "HTTP://gate.test/orders", "https://gate.test/orders", "ftp://gate.test/orders",
		"http://gate.test", "http://gate.test?/healthz", "http://gate.test#/healthz", "http://gate.test/orders#/healthz", "http:///orders",
		"http://healthz", "http://gate.test/assets/../orders", "http://user@gate.test/orders", "http://gate.test:80/orders", "gate.test/healthz",
		"*", "?", "/?", "?/healthz", "/?/healthz", "#", "/#/healthz", "/orders?/healthz", "/orders#/healthz", "/orders;/healthz", "orders", "healthz",
		"//healthz", "//gate.test/healthz", "///healthz", "//", "/%zz", "/healthz%", "/healthz%2", "/assets/%zz", "/assets/%zz/../../orders",
		"/healthz\x00", "/healthz\x01", "/healthz\x7f", "/assets/\xc0\xae\xc0\xae/orders", "/assets/\xff", "healthz:80", "gate.test:80", "/ healthz",
		"/healthz /orders", "http:/healthz", "http:healthz", "javascript:/healthz", "mailto:healthz", "http://[::1/healthz", "http://gate.test:x/healthz",
	} {
		for _, method := range []string{"GET", "CONNECT", "OPTIONS"} {
			t.Run(method+" "+target, func(t *testing.T) {
				got := g.Raw(t, harness.Lines(method+" "+target+" HTTP/1.1"))
				if reached := g.Upstream.Take(); len(reached) > 0 {
					// Both readers drop a scheme without a host.
					if reached[0].URI != "/healthz" || len(reached) > 1 || !strings.HasSuffix(target, "/healthz") {
						t.Errorf("answer is %d, and %v reached the upstream", got.Status, reached)
					}
					return
				}
				// A server may answer the form that is about the server itself.
				if got.Status < 400 && (method != "OPTIONS" || target != "*" || got.Body != "") {
					t.Errorf("answer is %d %s, want a refusal", got.Status, got.Body)
				}
			})
		}
	}
	harness.CheckAdmitted(t, harness.Get(t, g, token))
}

// Attack: the same for the endpoint. With a token, each of them either is a logout, or does
// not reach an upstream that could read it as one.
func TestTargetOfTheEndpointInOtherForms(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{Gate: "public /v1/*"})
	for _, target := range []string{
		"http://other.test" + harness.Endpoint, "HTTP://gate.test" + harness.Endpoint, "https://gate.test:8443" + harness.Endpoint, "http://gate.test" + harness.Endpoint + "?x=/",
		"ftp://gate.test" + harness.Endpoint, "http://user:secret@gate.test" + harness.Endpoint, harness.Endpoint + "?", harness.Endpoint + "?x=1#y", "http://" + harness.Endpoint,
		"http:" + harness.Endpoint,
	} {
		t.Run("is one "+target, func(t *testing.T) {
			token := g.Token(harness.Session(target))
			got := g.Raw(t, harness.Lines("DELETE "+target+" HTTP/1.1", "Authorization: Bearer "+token))
			switch got.Status {
			case 200:
				answers.Invalidated.Check(t, got)
				answers.BadToken.Check(t, harness.Get(t, g, token))
			case 400:
				harness.CheckAdmitted(t, harness.Get(t, g, token))
				g.Upstream.TakeOne(t)
			default:
				t.Errorf("answer is %d %s", got.Status, got.Body)
			}
			harness.CheckUnreached(t, g)
		})
	}
	token := g.Token(harness.Session("laptop"))
	for _, target := range []string{
		harness.Endpoint + "#", harness.Endpoint + "#x", harness.Endpoint + "%", harness.Endpoint + "%zz", harness.Endpoint + "%2", harness.Endpoint + " ", harness.Endpoint + "\x00", harness.Endpoint + "\x7f",
		strings.TrimPrefix(harness.Endpoint, "/"), "gate.test" + harness.Endpoint, "http://gate.test/" + harness.Endpoint,
		"http://gate.test" + harness.Endpoint + "/", "http://gate.test" + harness.Endpoint + "#x", "//gate.test" + harness.Endpoint, "///gate.test" + harness.Endpoint,
		"http://gate.test//x" + harness.Endpoint, "%2f" + harness.Endpoint, "/%00" + harness.Endpoint, harness.Endpoint + "\\", "/\\gate.test" + harness.Endpoint,
	} {
		t.Run("is none "+target, func(t *testing.T) {
			got := g.Raw(t, harness.Lines("DELETE "+target+" HTTP/1.1", "Authorization: Bearer "+token))
			for _, reached := range g.Upstream.Take() {
				// An invalid escape, or one within the path, makes it another path for
				// every reader.
				if !strings.Contains(reached.URI, "%25") && !strings.HasPrefix(reached.URI, "/%00/") {
					t.Errorf("answer is %d, and %s reached the upstream", got.Status, reached.URI)
				}
			}
			if got.Status == 200 && got.Body == answers.Invalidated.Body {
				t.Error("the session was ended")
			}
		})
	}
	harness.CheckAdmitted(t, harness.Get(t, g, token))
}

// Attack: a target with a scheme and no path. A rewrite makes it a public path, while
// reverse_proxy sends the client's text.
func TestATargetWithoutAPathIsSentNowhere(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{Gate: publicGate, Site: "rewrite * /healthz"})
	bearer := "Authorization: Bearer " + g.Token(harness.Session("laptop"))
	for _, line := range []string{"GET x:orders", "POST http:orders", "DELETE x:" + strings.TrimPrefix(harness.Endpoint, "/")} {
		for _, credential := range []string{"X-None: 1", bearer} {
			// The gate itself must refuse it: the upstream here refuses such a target, too.
			got := g.Raw(t, harness.Lines(line+" HTTP/1.1", credential))
			if got.Status != 400 || !strings.Contains(got.Body, "The request target has no path.") {
				t.Errorf("%s: answer is %d %s", line, got.Status, got.Body)
			}
		}
	}
	harness.CheckUnreached(t, g)
}

// The host of an absolute target is the host of the request (RFC 9112 §3.2.2).
func TestHostIsThatOfTheTarget(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{})
	bearer := "Authorization: Bearer " + g.Token(nil)
	for target, want := range map[string]string{"/": "gate.test", "http://other.test/": "other.test", "http://other.test:81/": "other.test:81"} {
		harness.CheckAdmitted(t, g.Raw(t, harness.Lines("GET "+target+" HTTP/1.1", bearer)))
		if reached := g.Upstream.TakeOne(t); reached.Host != want || reached.URI != "/" {
			t.Errorf("%s: %s of %s reached the upstream, want that of %s", target, reached.URI, reached.Host, want)
		}
	}
	for _, hosts := range []string{"GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: gate.test\r\nHost: other.test\r\n", "GET / HTTP/1.1\r\nHost: gate.test/x\r\n"} {
		if got := g.Raw(t, hosts+bearer+"\r\n\r\n"); got.Status != 400 {
			t.Errorf("%q: answer is %d, want 400", hosts, got.Status)
		}
	}
	harness.CheckUnreached(t, g)
}
