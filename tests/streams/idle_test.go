package streams

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/running"
)

// connect sends the head of a request over a new connection.
func connect(t *testing.T, g *harness.Gate, line, token string, fields ...string) net.Conn {
	t.Helper()
	address := strings.TrimPrefix(g.URL(""), "http://")
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	fields = append(fields, "Host: "+address, "Authorization: Bearer "+token, "X-Request-Id: "+line)
	if _, err := fmt.Fprintf(connection, "%s HTTP/1.1\r\n%s\r\n\r\n", line, strings.Join(fields, "\r\n")); err != nil {
		t.Fatal(err)
	}
	return connection
}

// mustEnd waits for the end of a connection, after a revocation at an instant. It fails the
// test if the end is late or an answer comes first.
func mustEnd(t *testing.T, connection net.Conn, since time.Time) {
	t.Helper()
	_ = connection.SetReadDeadline(since.Add(running.Limit))
	got, err := io.ReadAll(connection)
	if late, ok := err.(net.Error); ok && late.Timeout() {
		t.Errorf("the connection is still there %v after the revocation", running.Limit)
	}
	if len(got) > 0 {
		t.Errorf("the client got %q", got)
	}
}

// Attack: wait for an answer, and send the first byte of another request meanwhile.
// net/http, which has read it, reads no more until the answer is complete. So no deadline
// of the connection ends anything.
func TestALongPollWithAByteBehindItIsCut(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{})
	begun, told := running.Serve(g.Upstream)
	token := g.Token(harness.Session("polls"))
	poll := connect(t, g, "GET /poll", token)
	running.Receive(t, begun)
	if _, err := io.WriteString(poll, "G"); err != nil {
		t.Fatal(err)
	}
	answers.Invalidated.Check(t, harness.End(t, g, token))
	since := time.Now()
	mustEnd(t, poll, since)
	running.Receive(t, told)
	if took := time.Since(since); took > running.Limit {
		t.Errorf("the upstream saw the end after %v, want %v", took, running.Limit)
	}
}

// Attack: upload to an upstream that does not read. The gate cannot pass on its data, and
// so does not read from the client either.
func TestAnUploadThatStandsStillIsCut(t *testing.T) {
	t.Parallel()
	// size is more than the machine buffers for two connections.
	const size, standstill = 100 << 20, 500 * time.Millisecond
	g := harness.Start(t, harness.Config{})
	begun, ended, told := make(chan string, 1), make(chan struct{}), make(chan string, 1)
	g.Upstream.Handle("/stall", func(w http.ResponseWriter, r *http.Request) {
		begun <- ""
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("hijacking: %v", err)
			return
		}
		defer connection.Close()
		<-ended
		n, _ := io.Copy(io.Discard, connection) // a reset is an end, too
		told <- fmt.Sprint(n)
	})
	token := g.Token(harness.Session("uploads"))
	upload := connect(t, g, "POST /stall", token, fmt.Sprint("Content-Length: ", size))
	running.Receive(t, begun)
	for piece, sent := make([]byte, 1<<16), 0; ; sent += len(piece) {
		_ = upload.SetWriteDeadline(time.Now().Add(standstill))
		if _, err := upload.Write(piece); err != nil {
			break // no data moves any more
		}
		if sent > size {
			t.Fatalf("%d bytes were taken, and the upstream reads none", sent)
		}
	}
	answers.Invalidated.Check(t, harness.End(t, g, token))
	mustEnd(t, upload, time.Now())
	close(ended)
	running.Receive(t, told)
}

// A cut ends one stream of an HTTP/2 connection. The other streams continue.
func TestACutLeavesTheOtherStreamsOfAConnection(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true})
	begun, told := running.Serve(g.Upstream)
	client := g.Client(t, harness.HTTP2)
	leaves, stays := g.Token(harness.Session("leaves")), g.Token(harness.Session("stays"))
	cut := running.Start(t, client, g.TLSURL("/poll"), "leaves", leaves, begun)
	other := running.Start(t, client, g.TLSURL("/events"), "stays", stays, begun)
	answers.Invalidated.Check(t, harness.End(t, g, leaves))
	cut.IsCut(t, time.Now())
	if id := running.Receive(t, told); id != "leaves" {
		t.Errorf("the upstream saw the end of %q", id)
	}
	other.GoesOn(t)
}
