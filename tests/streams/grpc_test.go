package streams

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/running"
)

// Attack: log out, and continue in a gRPC call that streams in both directions, over HTTP/2
// on both sides of the gate.
func TestABidirectionalStreamIsCut(t *testing.T) {
	t.Parallel()
	told := make(chan string, 1)
	upstream := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		w.(http.Flusher).Flush()
		lines := bufio.NewReader(r.Body)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				told <- err.Error()
				return
			}
			_, _ = io.WriteString(w, line)
			w.(http.Flusher).Flush()
		}
	}))
	upstream.Config.Protocols = new(http.Protocols)
	upstream.Config.Protocols.SetUnencryptedHTTP2(true)
	upstream.Start()
	defer upstream.Close()
	g := harness.Start(t, harness.Config{TLS: true, Routes: "session_gate\nreverse_proxy h2c://" + upstream.Listener.Addr().String()})
	token := g.Token(harness.Session("calls"))

	body, messages := io.Pipe()
	ctx, cancel := context.WithTimeout(t.Context(), harness.StreamLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.TLSURL("/orders.Orders/Watch"), body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("Te", "trailers")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := g.Client(t, harness.HTTP2).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	replies := bufio.NewReader(response.Body)
	for _, message := range []string{"one\n", "two\n"} {
		if _, err := io.WriteString(messages, message); err != nil {
			t.Fatal(err)
		}
		if got, err := replies.ReadString('\n'); err != nil || got != message {
			t.Fatalf("%q came back as %q, error %v", message, got, err)
		}
	}
	answers.Invalidated.Check(t, harness.End(t, g, token))
	since := time.Now()
	if _, err := replies.ReadString('\n'); err == nil || err == io.EOF {
		t.Errorf("the call ended with %v, and looks complete", err)
	}
	if took := time.Since(since); took > running.Limit {
		t.Errorf("cut after %v, want %v", took, running.Limit)
	}
	running.Receive(t, told)
	if status := response.Trailer.Get("Grpc-Status"); status != "" {
		t.Errorf("the call ended with the status %q", status)
	}
}
