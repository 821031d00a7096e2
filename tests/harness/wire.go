package harness

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Protocol is a version of HTTP. The harness writes each to the wire itself, because a
// client library would correct the test's messages.
type Protocol string

// The protocols. All use TLS, except HTTP2Clear, which begins with the preface of HTTP/2 on
// the port without TLS (h2c).
const (
	HTTP1      Protocol = "http/1.1"
	HTTP2      Protocol = "h2"
	HTTP3      Protocol = "h3"
	HTTP2Clear Protocol = "h2c"
)

// EachProtocol runs a test as a subtest for each version, over TLS.
func EachProtocol(t *testing.T, test func(t *testing.T, protocol Protocol)) {
	t.Helper()
	for _, protocol := range []Protocol{HTTP1, HTTP2, HTTP3} {
		t.Run(string(protocol), func(t *testing.T) { test(t, protocol) })
	}
}

// Field is a header field, or a pseudo-header field, as on the wire.
type Field struct{ Name, Value string }

// Message is a request of HTTP/2 or HTTP/3 as on the wire.
type Message struct {
	Fields  []Field // including pseudo-header fields
	Body    string
	Trailer []Field
	// Open reports that the end is never sent, as if more was to follow.
	Open bool
}

// Request is a request with the same meaning in every version of HTTP.
type Request struct {
	Method, Target string
	Fields         []string // as "Name: value"
	Body           string
	Trailer        []string
	Open           bool // as in Message; over HTTP/1.1 with a Content-Length of 4000
}

// Message returns the request for HTTP/2 and HTTP/3.
func (r Request) Message() Message {
	return Message{
		Fields: append([]Field{
			{":method", r.Method}, {":scheme", "https"}, {":authority", host}, {":path", r.Target},
		}, fieldsOf(r.Fields)...),
		Body: r.Body, Trailer: fieldsOf(r.Trailer), Open: r.Open,
	}
}

func fieldsOf(lines []string) (fields []Field) {
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		fields = append(fields, Field{strings.ToLower(name), strings.TrimSpace(value)})
	}
	return fields
}

// text returns the request for HTTP/1.1.
func (r Request) text() string {
	lines, body := r.Fields, r.Body
	switch {
	case r.Open:
		lines = append([]string{"Content-Length: 4000"}, lines...)
	case len(r.Trailer) > 0:
		lines = append([]string{"Transfer-Encoding: chunked"}, lines...)
		if body != "" {
			body = fmt.Sprintf("%x\r\n%s\r\n", len(body), body)
		}
		body += "0\r\n" + strings.Join(r.Trailer, "\r\n") + "\r\n\r\n"
	case body != "":
		lines = append([]string{"Content-Length: " + strconv.Itoa(len(body))}, lines...)
	}
	return Lines(r.Method+" "+r.Target+" HTTP/1.1", lines...) + body
}

// Over sends a request over a new connection, and returns the answer.
func (g *Gate) Over(tb testing.TB, protocol Protocol, request Request) Answer {
	tb.Helper()
	answer, err := g.TryOver(tb, protocol, request)
	if err != nil {
		tb.Fatalf("sending %s %s over %s: %v", request.Method, request.Target, protocol, err)
	}
	return answer
}

// TryOver is Over for requests that the gate may refuse without an answer.
func (g *Gate) TryOver(tb testing.TB, protocol Protocol, request Request) (Answer, error) {
	tb.Helper()
	if protocol != HTTP1 {
		return g.Exchange(tb, protocol, request.Message())
	}
	connection := g.DialTLS(tb, HTTP1)
	defer connection.Close()
	if _, err := io.WriteString(connection, request.text()); err != nil {
		return Answer{}, err
	}
	return readAnswer(bufio.NewReader(connection), request.Method)
}

// Exchange sends a message over a new connection. It returns the answer, or the error that
// ended the stream or the connection.
func (g *Gate) Exchange(tb testing.TB, protocol Protocol, message Message) (Answer, error) {
	tb.Helper()
	switch protocol {
	case HTTP3:
		connection := g.DialQUIC(tb, g.TLSConfig(tb, string(HTTP3)))
		defer connection.CloseWithError(noError, "")
		return ExchangeHTTP3(tb.Context(), connection, message)
	case HTTP2:
		connection := g.DialTLS(tb, HTTP2)
		defer connection.Close()
		return exchangeHTTP2(connection, message)
	case HTTP2Clear:
		connection := g.dial(tb, g.port)
		defer connection.Close()
		return exchangeHTTP2(connection, message)
	default:
		tb.Fatalf("sending a message over %s", protocol)
		return Answer{}, nil
	}
}

// DialTLS opens a connection with a deadline to the port with TLS, for one protocol.
func (g *Gate) DialTLS(tb testing.TB, protocol Protocol) net.Conn {
	tb.Helper()
	connection := tls.Client(g.dial(tb, g.tlsPort), g.TLSConfig(tb, string(protocol)))
	if err := connection.Handshake(); err != nil {
		tb.Fatalf("dialling the gate over %s: %v", protocol, err)
	}
	if got := connection.ConnectionState().NegotiatedProtocol; got != string(protocol) {
		tb.Fatalf("dialling the gate over %s: it speaks %q", protocol, got)
	}
	return connection
}

func (g *Gate) dial(tb testing.TB, port int) net.Conn {
	tb.Helper()
	connection, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), answerLimit)
	if err != nil {
		tb.Fatalf("dialling the gate: %v", err)
	}
	if err := connection.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		tb.Fatal(err)
	}
	return connection
}

// readAnswer reads an answer of HTTP/1.1, and the answers below 200 before it.
func readAnswer(reader *bufio.Reader, method string) (Answer, error) {
	var interim []int
	for {
		response, err := http.ReadResponse(reader, &http.Request{Method: method})
		if err != nil {
			return Answer{}, err
		}
		if response.StatusCode < 200 && response.StatusCode != http.StatusSwitchingProtocols {
			interim = append(interim, response.StatusCode)
			continue
		}
		answer, err := read(response)
		answer.Interim = interim
		return answer, err
	}
}
