package hostile

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// methods are the methods of IANA's registry, and some unregistered ones.
var methods = strings.Fields(`ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET HEAD LABEL LINK LOCK MERGE
	MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PRI PROPFIND PROPPATCH PUT QUERY
	REBIND REPORT SEARCH TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL
	connect Connect CONNECTED get delete M-SEARCH PURGE x!#$%&'*+-.^_|~9`)

// smuggled is a request in the body of another one. An upstream that runs it gives the
// client the identity ADMIN.
const smuggled = "GET /hidden HTTP/1.1\r\nHost: gate.test\r\nRemote-User: ADMIN\r\nX-Case: hidden\r\n\r\n"

// framings are the ways in which a request can have a body.
var framings = []string{"stated", "unstated", "unstated with trailers", "stated with Expect", "unstated with Expect", "none"}

// framed returns a request of a method with the smuggled one as its body.
func framed(protocol harness.Protocol, method, target, framing string, fields ...string) (harness.Message, string) {
	fields = slices.Clone(fields)
	m := harness.Message{}
	unstated := strings.HasPrefix(framing, "unstated")
	if strings.HasSuffix(framing, "Expect") {
		fields = append(fields, "Expect: 100-continue")
	}
	if framing != "none" {
		m.Body = smuggled
		if !unstated {
			fields = append(fields, "Content-Length: "+strconv.Itoa(len(smuggled)))
		}
	}
	if strings.HasSuffix(framing, "trailers") {
		fields = append(fields, "Trailer: X-Trailer, Remote-User")
		m.Trailer = []harness.Field{{Name: "x-trailer", Value: "t"}, {Name: "remote-user", Value: "ADMIN"}}
	}
	if protocol != harness.HTTP1 {
		m.Fields = harness.Request{Method: method, Target: target, Fields: fields}.Message().Fields
		return m, ""
	}
	text := m.Body
	if unstated {
		fields = append(fields, "Transfer-Encoding: chunked")
		text = fmt.Sprintf("%x\r\n%s\r\n0\r\n", len(text), text)
		for _, field := range m.Trailer {
			text += field.Name + ": " + field.Value + "\r\n"
		}
		text += "\r\n"
	}
	return m, harness.Lines(method+" "+target+" HTTP/1.1", fields...) + text
}

// Attack: an HTTP/1.1 upstream reads a body as the next request of the pooled connection.
// CONNECT over HTTP/2 and HTTP/3 does that, because Go's transport sends its body without
// framing. Other methods, lengths, trailers or expectations might do the same. Every
// request must arrive with its own body, and every answer must be that of its own request.
func TestEveryRequestIsFramed(t *testing.T) {
	t.Parallel()
	upstream := newPooled(t)
	g := harness.Start(t, harness.Config{
		TLS: true, Global: harness.EveryProtocol, Env: []string{"GODEBUG=http2xconnect=1"},
		Routes: "session_gate {\nidentity authelia\npublic /public\n}\nreverse_proxy " + upstream.listener.Addr().String(),
	})
	bearer := "Authorization: Bearer " + g.Token(harness.Session("laptop"))
	for _, protocol := range []harness.Protocol{harness.HTTP1, harness.HTTP2, harness.HTTP2Clear, harness.HTTP3} {
		t.Run(string(protocol), func(t *testing.T) {
			var wait sync.WaitGroup
			slots := make(chan struct{}, 8)
			for i, method := range methods {
				for j, framing := range framings {
					name := fmt.Sprintf("%s %s over %s", method, framing, protocol)
					target, fields := "/public", []string{"X-Case: " + name}
					if (i+j)%2 == 0 {
						target, fields = "/orders", append(fields, bearer)
					}
					slots <- struct{}{}
					wait.Go(func() {
						defer func() { <-slots }()
						message, text := framed(protocol, method, target, framing, fields...)
						var got harness.Answer
						var err error
						if protocol == harness.HTTP1 {
							got, err = exchangeText(g, method, text)
						} else {
							got, err = g.Exchange(t, protocol, message)
						}
						checkFramed(t, name, method, got, err)
					})
				}
			}
			wait.Wait()
		})
	}
	upstream.check(t)
}

// connects are the pseudo-header fields of a CONNECT, besides its authority: of an ordinary
// one (RFC 9113 §8.5), and of extended ones (RFC 8441 §4).
var connects = map[string][]harness.Field{
	"ordinary":            nil,
	"foo":                 {{Name: ":protocol", Value: "foo"}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: "/public"}},
	"connect-udp":         {{Name: ":protocol", Value: "connect-udp"}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: "/public"}},
	"WebSocket":           {{Name: ":protocol", Value: "WebSocket"}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: "/public"}},
	"websocket":           {{Name: ":protocol", Value: "websocket"}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: "/public"}},
	"without a protocol":  {{Name: ":scheme", Value: "https"}, {Name: ":path", Value: "/public"}},
	"foo to the endpoint": {{Name: ":protocol", Value: "foo"}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: harness.Endpoint}},
}

// Attack: the same by CONNECT, in each form that HTTP/2 and HTTP/3 have for it, with and
// without a token, to a public path and to the gate's own path.
func TestNoConnectIsARequestToTheUpstream(t *testing.T) {
	t.Parallel()
	upstream := newPooled(t)
	g := harness.Start(t, harness.Config{
		TLS: true, Global: harness.EveryProtocol, Env: []string{"GODEBUG=http2xconnect=1"},
		Routes: "session_gate {\nidentity authelia\npublic /public\n}\nreverse_proxy " + upstream.listener.Addr().String(),
	})
	bearer := "Authorization: Bearer " + g.Token(harness.Session("laptop"))
	eachBinary(t, func(t *testing.T, protocol harness.Protocol) {
		for kind, pseudo := range connects {
			for _, framing := range framings {
				for _, token := range []string{bearer, "X-None: none"} {
					name := fmt.Sprintf("CONNECT %s %s over %s", kind, framing, protocol)
					message, _ := framed(protocol, http.MethodConnect, "/", framing, "X-Case: "+name, token)
					regular := slices.DeleteFunc(message.Fields, func(f harness.Field) bool { return strings.HasPrefix(f.Name, ":") })
					message.Fields = slices.Concat([]harness.Field{
						{Name: ":method", Value: "CONNECT"}, {Name: ":authority", Value: "gate.test:443"},
					}, pseudo, regular)
					got, err := g.Exchange(t, protocol, message)
					if err == nil && kind != "websocket" && got.Status/100 == 2 {
						t.Errorf("%s: answered %d %s", name, got.Status, got.Body)
					}
					// The next client on the pooled connection gets its own answer.
					next := harness.Request{Method: "GET", Target: "/public", Fields: []string{"X-Case: GET next"}}
					if got := g.Over(t, protocol, next); got.Status != http.StatusOK || got.Body != "GET next" {
						t.Errorf("the request after %s was answered %d %q", name, got.Status, got.Body)
					}
				}
			}
		}
	})
	for _, r := range upstream.take(t) {
		isSocket := r.Method == http.MethodGet && strings.HasPrefix(r.Header.Get("X-Case"), "CONNECT websocket ") && r.Body == ""
		if r.Header.Get("X-Case") != "GET next" && !isSocket {
			t.Errorf("%s %s with %v and %q reached the upstream", r.Method, r.URI, r.Header, r.Body)
		}
	}
}

// exchangeText sends a request of HTTP/1.1, and reads the answer after interim ones.
func exchangeText(g *harness.Gate, method, text string) (got harness.Answer, err error) {
	connection, err := net.DialTimeout("tcp", g.Addr(), harness.TrafficLimit)
	if err != nil {
		return got, err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(harness.TrafficLimit)); err != nil {
		return got, err
	}
	if _, err := io.WriteString(connection, text); err != nil {
		return got, err
	}
	for reader := bufio.NewReader(connection); got.Status < 200; {
		response, err := http.ReadResponse(reader, &http.Request{Method: method})
		if err != nil {
			return got, err
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return got, err
		}
		got = harness.Answer{Status: response.StatusCode, Body: string(body)}
	}
	return got, nil
}

// checkFramed checks the answer to one request.
func checkFramed(t *testing.T, name, method string, got harness.Answer, err error) {
	switch {
	case strings.EqualFold(method, http.MethodConnect) && err == nil && got.Status != http.StatusMethodNotAllowed:
		t.Errorf("%s: answered %d %s", name, got.Status, got.Body)
	case err == nil && got.Status == http.StatusOK && got.Body != name && method != http.MethodHead:
		t.Errorf("%s: the answer is that of %q", name, got.Body)
	}
}

// check fails the test if the upstream received anything except the requests of the test.
func (u *pooled) check(t *testing.T) {
	t.Helper()
	seen := make(map[string]bool)
	for _, r := range u.take(t) {
		name := r.Header.Get("X-Case")
		switch {
		case strings.EqualFold(r.Method, http.MethodConnect) || strings.Contains(r.URI, "hidden") || name == "hidden":
			t.Errorf("%s %s of %q reached the upstream", r.Method, r.URI, name)
		case r.Body != "" && r.Body != smuggled || len(r.Trailer) > 0:
			t.Errorf("%s reached the upstream with %q and the trailers %v", name, r.Body, r.Trailer)
		case !strings.HasPrefix(name, r.Method+" "):
			t.Errorf("%q reached the upstream as %s", name, r.Method)
		}
		if user := r.Header.Get("Remote-User"); (user != "alice") == (r.URI == "/orders") || user == "ADMIN" {
			t.Errorf("%s to %s is of %q", name, r.URI, user)
		}
		seen[name] = true
	}
	if least := 4 * (len(methods) - 4) * len(framings) * 9 / 10; len(seen) < least {
		t.Errorf("%d requests reached the upstream, want %d at least", len(seen), least)
	}
}
