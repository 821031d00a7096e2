package webhook_test

import (
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/webhook"
)

// line is a log that tells of each of its lines.
type line chan string

func (l line) Write(text []byte) (int, error) {
	l <- string(text)
	return len(text), nil
}

// answering returns the URL of a server that answers each connection with this text.
func answering(t *testing.T, text string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wait.Go(func() {
				defer conn.Close()
				go func() { _, _ = io.Copy(io.Discard, conn) }()
				_, _ = io.WriteString(conn, text)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		wait.Wait()
	})
	return "http://" + listener.Addr().String() + "/hook"
}

// Attack: the receiver's host is taken over, and answers with a status or a header of megabytes.
// The HTTP library quotes it in its error, so the receiver fills the log and the memory of the
// gate, and writes into it what it likes.
func TestAnAnswerDoesNotFillTheLog(t *testing.T) {
	long := strings.Repeat("\x1b[2Jcanary ", 1<<17)
	for name, answer := range map[string]string{
		"no HTTP":       long + "\r\n\r\n",
		"a long status": "HTTP/1.1 " + long + "\r\n\r\n",
		"a long field":  "HTTP/1.1 204 No Content\r\n" + long + "\r\n\r\n",
		"a long value":  "HTTP/1.1 204 No Content\r\nX: " + strings.Repeat("y", 1<<20) + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			log := make(line, 16)
			s := webhook.New(webhook.Options{Logger: slog.New(slog.NewJSONHandler(log, nil))})
			defer s.Close()
			s.Use(target(t, answering(t, answer)))
			s.Send(revocation("a"))
			select {
			case said := <-log:
				if len(said) > 1000 || !strings.Contains(said, "the gate retries") || strings.Contains(said, "\x1b") {
					t.Errorf("a line of %d bytes, want one of 1000 at most: %.200s", len(said), said)
				}
			case <-time.After(10 * time.Second):
				t.Error("the answer was accepted")
			}
		})
	}
}
