package harness

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// answerLimit is how long an answer may take.
const answerLimit = 20 * time.Second

// Answer is a complete answer.
type Answer struct {
	Status int
	Header http.Header
	Body   string
	Close  bool // whether the gate announced that it closes the connection
	// Interim holds the earlier statuses below 200. Only Over sets it.
	Interim []int
}

// Change changes a request before it is sent.
type Change func(*http.Request)

// Bearer puts a token into the field Authorization.
func Bearer(token string) Change { return Header("Authorization", "Bearer "+token) }

// Header adds a field.
func Header(name, value string) Change {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

// Cookie adds a Cookie field.
func Cookie(pairs string) Change { return Header("Cookie", pairs) }

// Body gives the request a body with this Content-Type, or without one if it is empty.
func Body(contentType, body string) Change {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
	}
}

// JSON gives the request a JSON body.
func JSON(body string) Change { return Body("application/json", body) }

// client opens a connection for each request, so that the end of a gate spoils no later
// request. It follows no redirection.
var client = &http.Client{
	Timeout:       answerLimit,
	Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Try sends a request to the gate and returns the answer, or why there is none.
func (g *Gate) Try(method, path string, changes ...Change) (Answer, error) {
	request, err := http.NewRequest(method, g.URL(path), nil)
	if err != nil {
		return Answer{}, err
	}
	for _, change := range changes {
		change(request)
	}
	response, err := client.Do(request)
	if err != nil {
		return Answer{}, err
	}
	return read(response)
}

// Unanswered reports whether a connection ended without an answer. A reload does that to
// requests that arrive while a listener is closed: Linux resets the connections in its
// queue, and net/http closes connections that it has not begun to serve. No handler has
// seen them, and clients repeat them (RFC 9110 §9.2.2).
func Unanswered(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// Send sends a request to the gate and returns the answer. An unanswered request is sent
// again, if its method allows that. This does not hide a panic: panics fail the test at its
// end.
func (g *Gate) Send(tb testing.TB, method, path string, changes ...Change) Answer {
	tb.Helper()
	answer, err := g.Try(method, path, changes...)
	if Unanswered(err) && method != http.MethodPost && method != http.MethodPatch {
		answer, err = g.Try(method, path, changes...)
	}
	if err != nil {
		tb.Fatalf("sending %s %s: %v", method, path, err)
	}
	return answer
}

// Raw sends bytes unchanged to the gate over a new connection, and returns the answer.
func (g *Gate) Raw(tb testing.TB, request string) Answer {
	tb.Helper()
	answer, err := g.TryRaw(request)
	if err != nil {
		tb.Fatal(err)
	}
	return answer
}

// TryRaw is Raw that returns the error if there is no answer.
func (g *Gate) TryRaw(request string) (Answer, error) {
	connection, err := net.DialTimeout("tcp", g.Addr(), answerLimit)
	if err != nil {
		return Answer{}, fmt.Errorf("dialling the gate: %w", err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return Answer{}, err
	}
	if _, err := io.WriteString(connection, request); err != nil {
		return Answer{}, fmt.Errorf("sending %q: %w", request, err)
	}
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: method})
	if err == nil {
		var answer Answer
		if answer, err = read(response); err == nil {
			return answer, nil
		}
	}
	return Answer{}, fmt.Errorf("reading the answer to %q: %w", request, err)
}

// Lines returns a request of these lines, with a Host and without a body, for Raw.
func Lines(requestLine string, fields ...string) string {
	return strings.Join(append([]string{requestLine, "Host: gate.test"}, fields...), "\r\n") + "\r\n\r\n"
}

// Probe returns the status of a probe's path at the health port, or 0 if there is no
// answer.
func (g *Gate) Probe(path string) int { return g.Probed(path).Status }

// Probed is Probe with the whole answer. Its status is 0 if there was none.
func (g *Gate) Probed(path string) Answer {
	response, err := client.Get(g.ProbeURL(path))
	if err != nil {
		return Answer{}
	}
	answer, err := read(response)
	if err != nil {
		return Answer{}
	}
	return answer
}

// ProbeURL returns the URL of a path at the health port.
func (g *Gate) ProbeURL(path string) string {
	return "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(g.opsPort)) + path
}

func read(response *http.Response) (Answer, error) {
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return Answer{Status: response.StatusCode, Header: response.Header, Body: string(body), Close: response.Close}, err
}
