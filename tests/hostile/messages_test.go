package hostile

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// eachBinary runs a test over the versions of HTTP with binary messages.
func eachBinary(t *testing.T, test func(t *testing.T, protocol harness.Protocol)) {
	t.Helper()
	for _, protocol := range []harness.Protocol{harness.HTTP2, harness.HTTP2Clear, harness.HTTP3} {
		t.Run(string(protocol), func(t *testing.T) { test(t, protocol) })
	}
}

// message is a request with a valid token, of which a test changes a part.
func message(token, method, path string, further ...harness.Field) harness.Message {
	request := harness.Request{Method: method, Target: path, Fields: []string{"Authorization: Bearer " + token}}
	message := request.Message()
	message.Fields = append(message.Fields, further...)
	return message
}

// malformedFields are fields that no message may have (RFC 9113 §8.2, §8.3).
var malformedFields = map[string][]harness.Field{
	"a name in capitals":           {{Name: "X-Other", Value: "1"}},
	"a credential in capitals":     {{Name: "Authorization", Value: "Bearer x"}},
	"an identity in capitals":      {{Name: "Remote-User", Value: "root"}},
	"a name with a space":          {{Name: "x other", Value: "1"}},
	"a name with a colon":          {{Name: "x:other", Value: "1"}},
	"a name that ends a field":     {{Name: "x\r\nremote-user", Value: "root"}},
	"an empty name":                {{Name: "", Value: "1"}},
	"a value that ends a field":    {{Name: "x-other", Value: "1\r\nremote-user: root"}},
	"a value that ends the head":   {{Name: "x-other", Value: "1\r\n\r\nGET /hidden HTTP/1.1\r\nhost: x\r\n\r\n"}},
	"a line feed in a value":       {{Name: "x-other", Value: "1\nremote-user: root"}},
	"NUL in a value":               {{Name: "x-other", Value: "1\x00"}},
	"Connection":                   {{Name: "connection", Value: "remote-user"}},
	"Keep-Alive":                   {{Name: "keep-alive", Value: "timeout=5"}},
	"Proxy-Connection":             {{Name: "proxy-connection", Value: "keep-alive"}},
	"Transfer-Encoding":            {{Name: "transfer-encoding", Value: "chunked"}},
	"Upgrade":                      {{Name: "upgrade", Value: "h2c"}},
	"TE that is not trailers":      {{Name: "te", Value: "gzip"}},
	"a second path":                {{Name: ":path", Value: "/healthz"}},
	"a second method":              {{Name: ":method", Value: "GET"}},
	"a second authority":           {{Name: ":authority", Value: "other.test"}},
	"a pseudo-header that is late": {{Name: "x-other", Value: "1"}, {Name: ":protocol", Value: "websocket"}},
	"a pseudo-header of answers":   {{Name: ":status", Value: "200"}},
	"an unknown pseudo-header":     {{Name: ":remote-user", Value: "root"}},
}

// wrongLengths are wrong lengths for a message without a body.
var wrongLengths = map[string][]harness.Field{
	"no number":     {{Name: "content-length", Value: "+5"}},
	"below zero":    {{Name: "content-length", Value: "-1"}},
	"two":           {{Name: "content-length", Value: "0"}, {Name: "content-length", Value: "5"}},
	"too long":      {{Name: "content-length", Value: "5"}},
	"beyond 64 bit": {{Name: "content-length", Value: "18446744073709551621"}},
}

// Attack: a message that HTTP/1.1 cannot carry becomes another one on the way to an
// HTTP/1.1 upstream: a second request, another field, or the end of a body.
func TestMalformedMessagesAreRefused(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true, Global: harness.EveryProtocol, Gate: publicGate})
	token := g.Token(harness.Session("laptop"))
	harness.See(t, g, token)
	eachBinary(t, func(t *testing.T, protocol harness.Protocol) {
		refuse := func(name string, message harness.Message) {
			t.Run(name, func(t *testing.T) {
				got, err := g.Exchange(t, protocol, message)
				checkUnserved(t, g, got, err)
			})
		}
		for name, fields := range malformedFields {
			refuse(name, message(token, "GET", "/", fields...))
			refuse(name+" on a public path", message(token, "GET", "/healthz", fields...))
		}
		for name, pseudo := range map[string]harness.Field{
			"a method that is a request":     {Name: ":method", Value: "GET /hidden HTTP/1.1\r\nhost: x\r\n\r\nGET"},
			"a method with a blank":          {Name: ":method", Value: "GET /hidden"},
			"no method":                      {Name: ":method", Value: ""},
			"a path that ends the head":      {Name: ":path", Value: "/healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /hidden"},
			"a path that is no path":         {Name: ":path", Value: "healthz"},
			"a path without a slash":         {Name: ":path", Value: "v1/auth/session"},
			"an empty path":                  {Name: ":path", Value: ""},
			"an authority that ends a field": {Name: ":authority", Value: "gate.test\r\nremote-user: root"},
		} {
			m := message(token, "GET", "/")
			m.Fields[slices.IndexFunc(m.Fields, func(f harness.Field) bool { return f.Name == pseudo.Name })] = pseudo
			refuse(name, m)
		}
		for name, trailer := range map[string]harness.Field{
			"a path in the trailer":                {Name: ":path", Value: "/hidden"},
			"a trailer in capitals":                {Name: "Remote-User", Value: "root"},
			"a trailer that ends a field":          {Name: "x-other", Value: "1\r\nremote-user: root"},
			"a field of a connection in a trailer": {Name: "transfer-encoding", Value: "chunked"},
		} {
			m := message(token, "POST", "/")
			m.Body, m.Trailer = "hello", []harness.Field{trailer}
			got, err := g.Exchange(t, protocol, m)
			t.Run(name, func(t *testing.T) {
				// The head is valid and may already be on its way. The request must not
				// succeed.
				reached := g.Upstream.Take()
				if err == nil && got.Status == 200 && len(reached) != 1 {
					t.Errorf("answer is 200, and %d requests reached the upstream", len(reached))
				}
				for _, r := range reached {
					checkIdentity(t, r, map[string]string{"Remote-User": "alice"})
					if len(r.Trailer) > 0 || r.URI != "/" || r.Body != "hello" {
						t.Errorf("the upstream got %+v", r)
					}
				}
			})
		}
		harness.CheckAdmitted(t, harness.Get(t, g, token))
		g.Upstream.Take()
	})
}

// Attack: the stated length differs from the body's. The upstream would read the next
// request on its connection, which is another client's, as a body, or the other way round.
func TestLengthOfAMessageIsThatOfItsBody(t *testing.T) {
	t.Parallel()
	const sent = "X-Sent" // the gate may send a message that it ended late
	g := harness.Start(t, harness.Config{TLS: true, Global: harness.EveryProtocol, Gate: publicGate})
	token := g.Token(harness.Session("laptop"))
	eachBinary(t, func(t *testing.T, protocol harness.Protocol) {
		for name, fields := range wrongLengths {
			for _, body := range []string{"", "hello, upstream"} {
				t.Run(name+" of "+body, func(t *testing.T) {
					m := message(token, "POST", "/", append([]harness.Field{{Name: strings.ToLower(sent), Value: body}}, fields...)...)
					m.Body = body
					// The gate may refuse it. If the server accepts it, the proxy must have
					// corrected it.
					_, _ = g.Exchange(t, protocol, m)
					checkLengths(t, g.Upstream.Take(), sent)
				})
			}
		}
		harness.CheckAdmitted(t, harness.Get(t, g, token))
		reached := g.Upstream.Take()
		last := slices.IndexFunc(reached, func(r harness.Reached) bool { return r.Method == "GET" })
		if last < 0 || reached[last].Body != "" {
			t.Errorf("the upstream got %+v, want one more GET", reached)
			return
		}
		checkLengths(t, slices.Delete(reached, last, last+1), sent)
	})
}

// checkLengths fails the test unless the upstream got each message with its own length, and
// without parts of another message.
func checkLengths(t *testing.T, reached []harness.Reached, sent string) {
	t.Helper()
	for _, r := range reached {
		length := r.Header.Get("Content-Length")
		if r.Method != "POST" || length != "" && length != strconv.Itoa(len(r.Body)) || !strings.HasPrefix(r.Header.Get(sent), r.Body) {
			t.Errorf("the upstream got the body %q of length %q for %q", r.Body, length, r.Header.Get(sent))
		}
	}
}

// A DELETE whose :path only an upstream could read as the endpoint must not go upstream.
func TestTargetsOfOtherFormsAreNotTheEndpoint(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true, Global: harness.EveryProtocol, Gate: publicGate})
	token := g.Token(harness.Session("laptop"))
	harness.See(t, g, token)
	eachBinary(t, func(t *testing.T, protocol harness.Protocol) {
		for _, path := range []string{
			harness.Endpoint + "#x", harness.Endpoint + "#", "v1/auth/session", "https://gate.test//v1/auth/session", "https://gate.test/v1/auth/session/", `\v1\auth\session`,
			harness.Endpoint + " ", harness.Endpoint + "\t", "/%2fx" + harness.Endpoint, harness.Endpoint + "%zz/..", "", "?x", "#", harness.Endpoint[1:] + "/",
		} {
			t.Run(path, func(t *testing.T) {
				got, err := g.Exchange(t, protocol, message(token, "DELETE", path))
				checkUnserved(t, g, got, err)
			})
		}
		// Attack: the target names a public path to one reader, and another to the other.
		for _, path := range []string{"https://gate.test/orders", "/healthz#/../orders", "/orders#/healthz", "//gate.test/healthz", "/assets/x /../orders", "*"} {
			t.Run("without a token "+path, func(t *testing.T) {
				got, err := g.Exchange(t, protocol, harness.Request{Method: "GET", Target: path}.Message())
				checkUnserved(t, g, got, err)
			})
		}
		harness.CheckAdmitted(t, harness.Get(t, g, token))
		g.Upstream.Take()
	})
}

// Attack: a browser may send the cookies of a request one by one (RFC 9113 §8.2.3). So may
// a client that wants to hide one of two tokens.
func TestCookieCrumbsAreOneField(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true, Global: harness.EveryProtocol, Gate: harness.BothSources})
	one, other := g.Token(harness.Session("one")), g.Token(harness.Session("other"))
	eachBinary(t, func(t *testing.T, protocol harness.Protocol) {
		send := func(crumbs ...string) harness.Answer {
			t.Helper()
			return g.Over(t, protocol, harness.Request{Method: "GET", Target: "/", Fields: crumbs})
		}
		answers.Several.Check(t, send("Cookie: session="+one, "Cookie: session="+other))
		answers.Several.Check(t, send("Cookie: session="+one, "Cookie: a=b", "Cookie: session="+one))
		answers.Several.Check(t, send("Cookie: session="+one, "Cookie: session=", "Authorization: Basic x"))
		answers.Several.Check(t, send("Cookie: session="+one, "Authorization: Bearer "+one))
		harness.CheckUnreached(t, g)
		harness.CheckAdmitted(t, send("Cookie: a=b", "Cookie: session="+one, "Cookie: c=d"))
		if got, want := g.Upstream.TakeOne(t).Header["Cookie"], "a=b; session="+one+"; c=d"; len(got) != 1 || got[0] != want {
			t.Errorf("the upstream got the cookies %q, want %q", got, want)
		}
	})
}

// The upstream sees the one host of the request.
func TestAuthorityIsTheHost(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true, Global: harness.EveryProtocol})
	token := g.Token(harness.Session("laptop"))
	eachBinary(t, func(t *testing.T, protocol harness.Protocol) {
		got, err := g.Exchange(t, protocol, message(token, "GET", "/", harness.Field{Name: "host", Value: "other.test"}))
		if reached := g.Upstream.Take(); len(reached) > 0 {
			harness.CheckAdmitted(t, got)
			if len(reached) != 1 || reached[0].Host != "gate.test" || len(reached[0].Header["Host"]) > 0 {
				t.Errorf("the upstream got %v, want one request for gate.test", reached)
			}
			return
		}
		if err == nil && !strings.HasPrefix(got.Body, "{") && got.Status < 400 {
			t.Errorf("answer is %d %s without the upstream", got.Status, got.Body)
		}
	})
}
