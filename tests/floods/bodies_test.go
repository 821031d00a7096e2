package floods

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// The gate reads 4 KiB of the body of a DELETE, and nothing of a request that it refuses.
// net/http answers, reads 256 KiB more, gives the client half a second to read the answer,
// and closes. Meanwhile the client can send as much as two sockets hold.
const (
	// endless is how much a client would send, in bytes.
	endless = 1 << 30
	// taken is how much of it the gate's machine may accept, in bytes. By default the
	// socket buffers of Linux have at most 6 MiB.
	taken = 16 << 20
)

// endlessBody sends a request and an endless body. It returns the answer, and how many
// bytes of the body were accepted until the gate closed the connection.
func endlessBody(t *testing.T, g *harness.Gate, request string, chunk string) (answer harness.Answer, sent int) {
	t.Helper()
	connection, err := net.Dial("tcp", g.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(harness.TrafficLimit)); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err == nil {
			var body []byte
			body, err = io.ReadAll(response.Body)
			answer = harness.Answer{Status: response.StatusCode, Header: response.Header, Body: string(body)}
		}
		answered <- err
	}()
	if _, err := io.WriteString(connection, request); err != nil {
		t.Fatal(err)
	}
	for ; sent < endless; sent += len(chunk) {
		if _, err = io.WriteString(connection, chunk); err != nil {
			break
		}
	}
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		t.Errorf("the connection is open after %v", harness.TrafficLimit)
	}
	if err := <-answered; err != nil {
		t.Errorf("reading the answer: %v", err)
	}
	return answer, sent
}

// Attack: endless bodies, at the endpoint and on requests that are refused for their heads,
// so that the gate reads for ever. Each is answered as if the body had ended, and its
// connection is closed.
func TestEndlessBodyEndsTheConnection(t *testing.T) {
	g := harness.Start(t, harness.Config{})
	owner := g.Token(harness.Session("of the endless"))
	harness.See(t, g, owner)
	before, use := g.Peak(t), g.Use(t)
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 32<<10, strings.Repeat(" ", 32<<10))
	chunked, sized := "Transfer-Encoding: chunked", fmt.Sprint("Content-Length: ", endless)
	for name, tt := range map[string]struct {
		method, path string
		fields       []string
		want         answers.Answer
	}{
		"DELETE, chunked":            {"DELETE", harness.Endpoint, []string{chunked, "Authorization: Bearer " + owner}, answers.TooLarge},
		"DELETE, sized":              {"DELETE", harness.Endpoint, []string{sized, "Authorization: Bearer " + owner}, answers.TooLarge},
		"DELETE without a token":     {"DELETE", harness.Endpoint, []string{chunked}, answers.NoToken},
		"POST without a token":       {"POST", "/", []string{chunked}, answers.NoToken},
		"POST, sized":                {"POST", "/", []string{sized}, answers.NoToken},
		"POST with a forged token":   {"POST", "/", []string{chunked, "Authorization: Bearer " + owner + "A"}, answers.BadToken},
		"POST with a broken one":     {"POST", "/", []string{chunked, "Authorization: Bearer *"}, answers.BadToken},
		"DELETE on another spelling": {"DELETE", harness.Endpoint + "/", []string{chunked}, answers.OtherSpelling},
	} {
		t.Run(name, func(t *testing.T) {
			fields := append([]string{"Content-Type: application/json"}, tt.fields...)
			answer, sent := endlessBody(t, g, harness.Lines(tt.method+" "+tt.path+" HTTP/1.1", fields...), chunk)
			tt.want.Check(t, answer)
			t.Logf("%d KiB were taken", sent>>10)
			if sent > taken {
				t.Errorf("%d bytes of the body were taken, want %d at the most", sent, taken)
			}
		})
	}
	harness.CheckUnreached(t, g)
	if grown := g.Peak(t) - before; grown > floodMemory {
		t.Errorf("the memory peaked %d bytes higher, want %d at the most", grown, floodMemory)
	}
	harness.CheckAdmitted(t, harness.Get(t, g, owner))
	harness.Settled(t, g, use, 0, func() int { return 0 })
}

// Attack, or a correct client: it waits for permission to send a body, or stops in the
// middle of one. It is refused at once, and not at the end of the body. The connection is
// closed, because the rest of the body may still come.
func TestRefusalDoesNotWaitForTheBody(t *testing.T) {
	g := harness.Start(t, harness.Config{})
	owner := "Authorization: Bearer " + g.Token(harness.Session("of the stalled"))
	whole := fmt.Sprintf("%x\r\n%s\r\n", 5<<10, strings.Repeat(" ", 5<<10))
	for name, tt := range map[string]struct {
		request string
		want    answers.Answer
	}{
		"asks for leave":          {harness.Lines("POST / HTTP/1.1", "Content-Length: 100", "Expect: 100-continue"), answers.NoToken},
		"asks at the endpoint":    {harness.Lines("DELETE "+harness.Endpoint+" HTTP/1.1", "Content-Length: 5000", "Expect: 100-continue", owner), answers.TooLarge},
		"stops, chunked":          {harness.Lines("POST / HTTP/1.1", "Transfer-Encoding: chunked") + "a\r\n0123456789\r\n", answers.NoToken},
		"stops, sized":            {harness.Lines("POST / HTTP/1.1", "Content-Length: 5000") + "0123456789", answers.NoToken},
		"stops over 4 KiB":        {harness.Lines("DELETE "+harness.Endpoint+" HTTP/1.1", "Transfer-Encoding: chunked", owner) + whole, answers.TooLarge},
		"stops, other spelling":   {harness.Lines("DELETE "+harness.Endpoint+"/ HTTP/1.1", "Transfer-Encoding: chunked") + "5\r\n", answers.OtherSpelling},
		"stops, several of us":    {harness.Lines("POST / HTTP/1.1", "Transfer-Encoding: chunked", owner, owner) + "5\r\n", answers.Several},
		"stops, revoked or worse": {harness.Lines("POST / HTTP/1.1", "Transfer-Encoding: chunked", owner+"A") + "5\r\n", answers.BadToken},
	} {
		t.Run(name, func(t *testing.T) {
			answer := g.Raw(t, tt.request)
			tt.want.Check(t, answer)
			if !answer.Close {
				t.Error("the connection stays open")
			}
		})
	}
	harness.CheckUnreached(t, g)
	// A small body has already arrived, and the connection stays open.
	if answer := g.Raw(t, harness.Lines("POST / HTTP/1.1", "Content-Length: 2")+"{}"); answer.Close || answer.Status != 401 {
		t.Errorf("answered %d, closed: %t, want 401 and an open connection", answer.Status, answer.Close)
	}
}
