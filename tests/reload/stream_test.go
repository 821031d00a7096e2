package reload

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// serveStreams makes the upstream answer /events with endless server-sent events, and /echo
// with a WebSocket that sends back its input.
func serveStreams(u *harness.Upstream) {
	u.Handle("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			if _, err := fmt.Fprintf(w, "data: %d\n\n", i); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			}
		}
	})
	u.Handle("/echo", func(w http.ResponseWriter, r *http.Request) {
		if connection, buffered, ok := harness.AcceptWebSocket(w, r); ok {
			defer connection.Close()
			// For a reverse proxy, everything after the handshake is bytes.
			_, _ = io.Copy(connection, buffered)
		}
	})
}

// stream is a client's connection on which more data follows.
type stream struct {
	connection net.Conn
	reader     *bufio.Reader
	body       io.Reader
}

func (s *stream) close() { _ = s.connection.Close() }

// open sends a request over a new connection and reads the head of the answer.
func open(t *testing.T, g *harness.Gate, status int, requestLine string, fields ...string) *stream {
	t.Helper()
	connection, err := net.DialTimeout("tcp", g.Addr(), harness.StreamLimit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	s := &stream{connection: connection, reader: bufio.NewReader(connection)}
	s.extend(t)
	if _, err := io.WriteString(connection, harness.Lines(requestLine, fields...)); err != nil {
		t.Fatalf("opening a stream: %v", err)
	}
	response, err := http.ReadResponse(s.reader, nil)
	if err != nil {
		t.Fatalf("opening a stream: %v", err)
	}
	if response.StatusCode != status {
		t.Fatalf("opening a stream: answered %d, want %d", response.StatusCode, status)
	}
	s.body = response.Body
	return s
}

func (s *stream) extend(t *testing.T) {
	t.Helper()
	if err := s.connection.SetDeadline(time.Now().Add(harness.StreamLimit)); err != nil {
		t.Fatal(err)
	}
}

// events are server-sent events, which must come in order.
type events struct {
	*stream
	lines *bufio.Reader
	want  int
}

func openEvents(t *testing.T, g *harness.Gate, token string) *events {
	t.Helper()
	s := open(t, g, 200, "GET /events HTTP/1.1", "Authorization: Bearer "+token)
	return &events{stream: s, lines: bufio.NewReader(s.body)}
}

// next reads an event.
func (e *events) next(t *testing.T) {
	t.Helper()
	e.extend(t)
	line, err := e.lines.ReadString('\n')
	if err == nil {
		_, err = e.lines.ReadString('\n')
	}
	if want := fmt.Sprintf("data: %d\n", e.want); err != nil || line != want {
		t.Fatalf("the event is %q, want %q, error %v", line, want, err)
	}
	e.want++
}

// echo is a WebSocket whose other end sends back its input.
type echo struct{ *stream }

func openEcho(t *testing.T, g *harness.Gate, token string) echo {
	t.Helper()
	return echo{open(t, g, 101, "GET /echo HTTP/1.1", "Authorization: Bearer "+token, "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")}
}

// exchange sends a message and reads it back.
func (e echo) exchange(t *testing.T, number int) {
	t.Helper()
	e.extend(t)
	sent := fmt.Sprintf("message %d\n", number)
	if _, err := io.WriteString(e.connection, sent); err != nil {
		t.Fatalf("sending message %d: %v", number, err)
	}
	if got, err := e.reader.ReadString('\n'); err != nil || got != sent {
		t.Fatalf("message %d came back as %q, error %v", number, got, err)
	}
}
