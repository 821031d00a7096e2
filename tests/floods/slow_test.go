package floods

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// slow holds connections of clients that never complete their requests.
type slow struct {
	mu    sync.Mutex
	read  []string // the gate's answer on each connection
	stuck []error  // errors of connections that were not closed in time
	wait  sync.WaitGroup
}

// dial opens connections, sends begin on each, and continues with one byte at a time until
// the gate closes them.
func (s *slow) dial(t *testing.T, g *harness.Gate, n int, begin, dribble string) {
	t.Helper()
	for range n {
		connection, err := net.Dial("tcp", g.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = connection.Close() })
		if err := connection.SetDeadline(time.Now().Add(harness.TrafficLimit)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(connection, begin); err != nil {
			t.Fatalf("sending %q: %v", begin, err)
		}
		closed := make(chan struct{})
		s.wait.Go(func() {
			defer close(closed)
			said, err := io.ReadAll(connection)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.read = append(s.read, string(said))
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				s.stuck = append(s.stuck, err)
			}
		})
		if dribble != "" {
			s.wait.Go(func() { harness.Drip(connection, dribble, closed) })
		}
	}
}

// check waits until the gate has closed every connection. It fails the test if the gate did
// not, or sent anything except these statuses.
func (s *slow) check(t *testing.T, said ...string) {
	t.Helper()
	s.wait.Wait()
	for _, err := range s.stuck {
		t.Errorf("a connection is open after %v: %v", harness.TrafficLimit, err)
	}
	for _, answer := range s.read {
		if status, _, _ := strings.Cut(answer, "\r\n"); !slices.Contains(said, status) {
			t.Fatalf("the gate said %q before it closed, want one of %q", status, said)
		}
	}
}

// Attack: a thousand connections that send nothing, or send the fields or the body of a
// DELETE byte by byte, so that nobody else can log out. Others are served meanwhile.
// Caddy's read_header, read_body and idle timeouts close the connections. An incomplete
// DELETE ends no session. Afterwards the gate holds nothing of them, and stops as usual.
func TestSlowAndIdleClientsDelayNobody(t *testing.T) {
	// Idle connections to the upstream would hide a leak of the gate.
	g := harness.Start(t, harness.Config{
		Global: harness.ClientTimeouts,
		Routes: "session_gate\nreverse_proxy {$UPSTREAM} {\ntransport http {\nkeepalive off\n}\n}",
	})
	owner := g.Token(harness.Session("of the slow"))
	harness.See(t, g, owner)
	before := g.Use(t)
	head := "DELETE " + harness.Endpoint + " HTTP/1.1\r\nHost: gate.test\r\nAuthorization: Bearer " + owner + "\r\n"
	body := head + "Content-Type: application/json\r\nContent-Length: 4000\r\n\r\n{"
	used := harness.Lines("GET / HTTP/1.1", "Authorization: Bearer "+owner)

	var silent, idle, fields, bodies slow
	silent.dial(t, g, 500, "", "")
	idle.dial(t, g, 500, used, "")
	fields.dial(t, g, 50, head, "X-Slow: 1\r\n")
	bodies.dial(t, g, 50, body, " ")
	began := time.Now()
	for i := range 20 {
		token := g.Token(harness.Session(fmt.Sprint("quick ", i)))
		harness.CheckAdmitted(t, harness.Get(t, g, token))
		answers.Invalidated.Check(t, harness.End(t, g, token))
		answers.BadToken.Check(t, harness.Get(t, g, token))
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("60 requests took %v beside the slow ones", took)
	}
	silent.check(t, "")
	idle.check(t, "HTTP/1.1 200 OK")
	fields.check(t, "", "HTTP/1.1 400 Bad Request")
	bodies.check(t, "HTTP/1.1 400 Bad Request")
	t.Logf("the last connection was closed %v after the last was opened", time.Since(began).Round(time.Millisecond))

	harness.CheckAdmitted(t, harness.Get(t, g, owner))
	harness.Settled(t, g, before, 0, func() int { return 0 })
	g.Stop()
	if code := g.Wait(t); code != 0 {
		t.Errorf("the gate ended with %d, want 0", code)
	}
}
