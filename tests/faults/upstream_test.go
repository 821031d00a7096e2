package faults

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// reset ends the connection of a request like a killed process.
func reset(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_ = connection.(*net.TCPConn).SetLinger(0) // a reset, not a normal end
	_ = connection.Close()
}

// failing is a gate with paths of the upstream that hang, reset before or within the
// answer, or do not exist. A hanging path ends when the client goes or release is called.
func failing(t *testing.T) (g *harness.Gate, release func()) {
	t.Helper()
	g = harness.Start(t, harness.Config{Routes: `session_gate
handle /absent {
	reverse_proxy unix/{$GATE_DIR}/nobody.sock
}
handle /hangs {
	reverse_proxy {$UPSTREAM} {
		transport http {
			response_header_timeout 500ms
		}
	}
}
reverse_proxy {$UPSTREAM}`})
	over := make(chan struct{})
	release = sync.OnceFunc(func() { close(over) })
	t.Cleanup(release)
	hang := func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-over:
		case <-r.Context().Done():
		}
	}
	g.Upstream.Handle("/hangs", hang)
	g.Upstream.Handle("/hangs-longer", hang)
	g.Upstream.Handle("/resets", func(w http.ResponseWriter, _ *http.Request) { reset(w) })
	g.Upstream.Handle("/breaks", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "the beginning")
		_ = http.NewResponseController(w).Flush() // the next line ends the connection
		reset(w)
	})
	return g, release
}

// Fault: the upstream hangs, resets, or is unreachable after the gate admitted the request.
// Caddy answers this failure. The answer must not look like a decision about the token:
// after a 401 a client would discard its session.
func TestAFailingUpstreamSaysNothingAboutTheToken(t *testing.T) {
	t.Parallel()
	g, _ := failing(t)
	token := g.Token(nil)
	for path, want := range map[string]int{"/hangs": 504, "/resets": 502, "/absent": 502} {
		got := g.Send(t, "GET", path, harness.Bearer(token))
		if got.Status != want || got.Body != "" || got.Header.Get("WWW-Authenticate") != "" || got.Header.Get("Retry-After") != "" {
			t.Errorf("%s: answer is %d %q %v, want %d of Caddy's own", path, got.Status, got.Body, got.Header, want)
		}
		answers.NoToken.Check(t, g.Send(t, "GET", path))
		harness.CheckAdmitted(t, harness.Get(t, g, token))
	}
	if got, err := g.Try("GET", "/breaks", harness.Bearer(token)); err == nil || got.Body != "the beginning" {
		t.Errorf("an answer that broke off came as %d %q, error %v", got.Status, got.Body, err)
	} else if !errors.Is(err, io.ErrUnexpectedEOF) && !harness.Unanswered(err) {
		t.Errorf("an answer that broke off ended with %v", err)
	}
	harness.CheckAdmitted(t, harness.Get(t, g, token))
	answers.Invalidated.Check(t, harness.End(t, g, token))
	answers.BadToken.Check(t, g.Send(t, "GET", "/resets", harness.Bearer(token)))
}

// Fault: a hundred requests hang in the upstream. Others are admitted, refused and revoked
// as before, and the session of a hanging request can be ended. Attack: exhaust the gate's
// resources by requests that never end.
func TestRequestsThatHangDelayNobody(t *testing.T) {
	const hanging, limit = 100, 5 * time.Second
	g, release := failing(t)
	hung := g.Token(harness.Session("of those that hang"))
	var wait sync.WaitGroup
	before := g.Use(t)
	for range hanging {
		wait.Go(func() { _, _ = g.Try("GET", "/hangs-longer", harness.Bearer(hung)) }) // cut, or released
	}
	harness.Eventually(t, harness.TrafficLimit, "the requests hang in the upstream", func() bool {
		return g.Use(t).Files >= before.Files+2*hanging
	})
	began := time.Now()
	for i := range 50 {
		token := g.Token(harness.Session(fmt.Sprint("quick ", i)))
		harness.CheckAdmitted(t, harness.Get(t, g, token))
		answers.Invalidated.Check(t, harness.End(t, g, token))
		answers.BadToken.Check(t, harness.Get(t, g, token))
	}
	if took := time.Since(began); took > limit {
		t.Errorf("150 requests took %v beside those that hang, want %v at the most", took, limit)
	}
	answers.Invalidated.Check(t, harness.End(t, g, hung))
	answers.BadToken.Check(t, harness.Get(t, g, hung))
	release()
	wait.Wait()
	harness.CheckAdmitted(t, harness.Get(t, g, g.Token(nil)))
}
