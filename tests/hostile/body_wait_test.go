package hostile

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// refusals are requests that are refused for their heads, with the answer. Their fields do
// not state the length of the body.
func refusals(good string) map[string]struct {
	request harness.Request
	want    answers.Answer
} {
	bearer, json := "Authorization: Bearer "+good, "Content-Type: application/json"
	return map[string]struct {
		request harness.Request
		want    answers.Answer
	}{
		"no token":              {harness.Request{Method: "POST", Target: "/"}, answers.NoToken},
		"a broken token":        {harness.Request{Method: "POST", Target: "/", Fields: []string{"Authorization: Bearer x"}}, answers.BadToken},
		"two tokens":            {harness.Request{Method: "POST", Target: "/", Fields: []string{bearer, bearer}}, answers.Several},
		"a DELETE of nobody":    {harness.Request{Method: "DELETE", Target: harness.Endpoint, Fields: []string{json}}, answers.NoToken},
		"another spelling":      {harness.Request{Method: "DELETE", Target: harness.Endpoint + "/", Fields: []string{bearer, json}}, answers.OtherSpelling},
		"a DELETE of two":       {harness.Request{Method: "DELETE", Target: harness.Endpoint, Fields: []string{bearer, bearer, json}}, answers.Several},
		"a DELETE too large":    {harness.Request{Method: "DELETE", Target: harness.Endpoint, Fields: []string{bearer, json, "Content-Length: 5000"}}, answers.TooLarge},
		"a DELETE of no media":  {harness.Request{Method: "DELETE", Target: harness.Endpoint, Fields: []string{bearer, "Content-Length: 10"}}, answers.MediaType},
		"a DELETE of a gzip":    {harness.Request{Method: "DELETE", Target: harness.Endpoint, Fields: []string{bearer, json, "Content-Encoding: gzip", "Content-Length: 10"}}, answers.MediaType},
		"a DELETE of a form":    {harness.Request{Method: "DELETE", Target: harness.Endpoint, Fields: []string{bearer, "Content-Type: text/plain", "Content-Length: 10"}}, answers.MediaType},
		"a DELETE of the wrong": {harness.Request{Method: "DELETE", Target: harness.Endpoint, Fields: []string{"Authorization: Bearer x", json}}, answers.BadToken},
	}
}

// openText returns the head of a request of HTTP/1.1 whose body follows.
func openText(r harness.Request, further ...string) string {
	lines := append(append([]string{}, r.Fields...), further...)
	if !strings.Contains(strings.Join(lines, "\n"), "Content-Length") {
		lines = append(lines, "Content-Length: 2000")
	}
	return harness.Lines(r.Method+" "+r.Target+" HTTP/1.1", lines...)
}

// Attack, or an honest client: with Expect: 100-continue it waits for the answer before it
// sends the body. If a refusal also waited for the body, it would come only when one of the
// two gives up (RFC 9110 §10.1.1).
func TestRefusalDoesNotWaitForABodyThatIsExpectedToWait(t *testing.T) {
	g := harness.Start(t, harness.Config{TLS: true})
	good := g.Token(harness.Session("laptop"))
	harness.See(t, g, good)
	for name, c := range refusals(good) {
		t.Run(name, func(t *testing.T) {
			connection := harness.Dial(t, g)
			if _, err := io.WriteString(connection, openText(c.request, "Expect: 100-Continue")); err != nil {
				t.Fatal(err)
			}
			said := bufio.NewReader(connection)
			response, err := http.ReadResponse(said, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			if err != nil || !response.Close {
				t.Errorf("the connection stays open, although the body may still follow; error %v", err)
			}
			c.want.Check(t, harness.Answer{Status: response.StatusCode, Header: response.Header, Body: string(body)})
		})
		for _, protocol := range []harness.Protocol{harness.HTTP2, harness.HTTP3} {
			t.Run(name+" over "+string(protocol), func(t *testing.T) {
				c.request.Fields, c.request.Open = append(c.request.Fields, "Expect: 100-continue"), true
				got := g.Over(t, protocol, c.request)
				c.want.Check(t, got)
				if len(got.Interim) > 0 {
					t.Errorf("the client got %v first", got.Interim)
				}
			})
		}
	}
	harness.CheckUnreached(t, g)
	t.Run("and a body that is wanted is asked for", func(t *testing.T) {
		connection := harness.Dial(t, g)
		request := harness.Request{Method: "DELETE", Target: harness.Endpoint, Fields: []string{
			"Authorization: Bearer " + good, "Content-Type: application/json", "Content-Length: 2", "Expect: 100-continue",
		}}
		said := bufio.NewReader(connection)
		for _, step := range []struct {
			text   string
			status int
		}{{openText(request), 100}, {"{}", 200}} {
			if _, err := io.WriteString(connection, step.text); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(said, nil)
			if err != nil || response.StatusCode != step.status {
				t.Fatalf("answer is %v, error %v, want %d", response, err, step.status)
			}
		}
		answers.BadToken.Check(t, harness.Get(t, g, good))
	})
}

// Attack: an endless body, at a gate whose Caddyfile has no timeouts. Caddy only ends a
// body if nothing of it arrives for a minute. A DELETE, and each refusal, would hold its
// connection for as long as a client sends a byte now and then.
func TestBodyThatNeverEndsHoldsNothing(t *testing.T) {
	g := harness.Start(t, harness.Config{TLS: true, Global: harness.EveryProtocol})
	owner, kept := g.Token(harness.Session("of the slow")), g.Token(harness.Session("kept alive"))
	harness.See(t, g, owner, kept)
	call := harness.Request{
		Method: "DELETE", Target: harness.Endpoint, Fields: []string{"Authorization: Bearer " + owner, "Content-Type: application/json"}, Body: "{", Open: true,
	}
	// The bound on a body must not end its connection after the body.
	alive := harness.Dial(t, g)
	said := bufio.NewReader(alive)
	exchange := func(text string, status int) {
		t.Helper()
		if _, err := io.WriteString(alive, text); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(said, nil)
		if err != nil || response.StatusCode != status {
			t.Fatalf("answer is %v, error %v, want %d", response, err, status)
		}
		_, _ = io.Copy(io.Discard, response.Body)
	}
	exchange(harness.Lines("DELETE "+harness.Endpoint+" HTTP/1.1", "Authorization: Bearer "+kept, "Content-Type: application/json", "Content-Length: 2")+"{}", 200)
	exchange(harness.Lines("POST / HTTP/1.1", "Content-Length: 2")+"{}", 401)

	var wait sync.WaitGroup
	for _, protocol := range []harness.Protocol{harness.HTTP1, harness.HTTP2, harness.HTTP2Clear, harness.HTTP3} {
		wait.Go(func() {
			got, err := g.TryOver(t, protocol, call)
			if err != nil {
				t.Errorf("over %s: %v", protocol, err)
				return
			}
			answers.BadBody.Check(t, got)
		})
	}
	dribbling := map[string]answers.Answer{
		openText(call):               answers.BadBody,
		openText(call, "X-Other: 1"): answers.BadBody,
		openText(harness.Request{Method: "POST", Target: "/"}):                                                                          answers.NoToken,
		openText(harness.Request{Method: "POST", Target: "/", Fields: []string{"Authorization: Bearer x"}}):                             answers.BadToken,
		harness.Lines("POST / HTTP/1.1", "Transfer-Encoding: chunked") + "7d0\r\n":                                                      answers.NoToken,
		harness.Lines("DELETE "+harness.Endpoint+" HTTP/1.1", "Transfer-Encoding: chunked", call.Fields[0], call.Fields[1]) + "7d0\r\n": answers.BadBody,
	}
	for text, want := range dribbling {
		connection := harness.Dial(t, g)
		if _, err := io.WriteString(connection, text); err != nil {
			t.Fatal(err)
		}
		wait.Go(func() { readDribbling(t, connection, want) })
	}
	wait.Wait()
	exchange(harness.Lines("GET / HTTP/1.1"), 401)
	harness.CheckUnreached(t, g)
	harness.CheckAdmitted(t, harness.Get(t, g, owner))
}

// readDribbling reads an answer and checks that the connection ends, while it sends a byte
// now and then.
func readDribbling(t *testing.T, connection net.Conn, want answers.Answer) {
	closed := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() { harness.Drip(connection, " ", closed) })
	defer wait.Wait()
	defer close(closed)
	said := bufio.NewReader(connection)
	response, err := http.ReadResponse(said, nil)
	if err != nil {
		t.Error(err)
		return
	}
	body, _ := io.ReadAll(response.Body) // it ends with the connection
	want.Check(t, harness.Answer{Status: response.StatusCode, Header: response.Header, Body: string(body)})
	if !response.Close {
		t.Errorf("a connection with half a body stays open after %s", body)
	}
}
