package ordinary

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// witness is an upstream that keeps each request unchanged.
type witness struct {
	listener net.Listener

	mu      sync.Mutex
	arrived []arrival
}

// arrival is a request as on the wire.
type arrival struct {
	line    string
	fields  []string // each with its name and value
	body    string   // without the framing of its chunks
	trailer http.Header
	rest    string // data after the request
}

func newWitness(t *testing.T) *witness {
	t.Helper()
	w := new(witness)
	w.listener = harness.ServeAll(t, w.serve)
	return w
}

// serve reads one request, and answers it.
func (w *witness) serve(connection net.Conn) {
	_ = connection.SetDeadline(time.Now().Add(harness.TrafficLimit)) // a request that never ends counts as one that never arrived
	var sent bytes.Buffer
	reader := bufio.NewReader(io.TeeReader(connection, &sent))
	request, err := http.ReadRequest(reader)
	if err != nil {
		return
	}
	if request.Header.Get("Expect") != "" {
		_, _ = io.WriteString(connection, "HTTP/1.1 100 Continue\r\n\r\n")
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	head, _, _ := strings.Cut(sent.String(), "\r\n\r\n")
	rest, _ := reader.Peek(reader.Buffered())
	lines := strings.Split(head, "\r\n")
	w.mu.Lock()
	w.arrived = append(w.arrived, arrival{line: lines[0], fields: lines[1:], body: string(body), trailer: request.Trailer, rest: string(rest)})
	w.mu.Unlock()
	_, _ = io.WriteString(connection, answerOf(request)) // the gate may have gone
}

// answerOf returns a complete answer, of the kind that the request asks for.
func answerOf(request *http.Request) string {
	const fields = "Content-Type: application/json\r\nETag: W/\"1\"\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=\"2\"\r\nWarning: 214 - \"x\"\r\n"
	switch protocol := request.Header.Get("Upgrade"); {
	case slices.Contains([]string{"websocket", "SPDY/3.1", "spdy/3.1", "tcp"}, protocol):
		return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + protocol + "\r\n\r\n" + harness.Switched
	case request.Header.Get("Accept") == "text/event-stream":
		return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\nid: 1\ndata: x\n\n"
	case request.Method == http.MethodHead:
		return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: 11\r\nConnection: close\r\n\r\n"
	case strings.Contains(request.Header.Get("Range"), ","):
		return "HTTP/1.1 206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=x\r\nConnection: close\r\n\r\n--x\r\n\r\na\r\n--x--\r\n"
	}
	return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: 11\r\nConnection: close\r\n\r\n{\"is\":true}"
}

// take returns the requests that arrived since its last call.
func (w *witness) take() []arrival {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.arrived
	w.arrived = nil
	return taken
}

// without returns the fields with other names, sorted.
func (a *arrival) without(names []string) (fields []string) {
	for _, field := range a.fields {
		name, _, _ := strings.Cut(field, ":")
		if !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
			fields = append(fields, field)
		}
	}
	slices.Sort(fields)
	return fields
}

// value returns the value of a field, or "".
func (a *arrival) value(name string) string {
	for _, field := range a.fields {
		if value, ok := strings.CutPrefix(field, name+": "); ok {
			return value
		}
	}
	return ""
}
