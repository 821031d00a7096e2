package streams

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/running"
)

// A WebSocket that began with CONNECT, in a stream of HTTP/2 (RFC 8441) or HTTP/3 (RFC
// 9220), has no connection of its own to close. Its client gets a close frame, and the
// stream ends.
func TestAWebSocketInAStreamEndsWithTheSession(t *testing.T) {
	t.Parallel()
	for _, protocol := range []harness.Protocol{harness.HTTP2, harness.HTTP3} {
		t.Run(string(protocol), func(t *testing.T) {
			// Over HTTP/2, Go's server accepts such a CONNECT only with this setting.
			g := harness.Start(t, harness.Config{TLS: true, Env: []string{"GODEBUG=http2xconnect=1"}})
			echoed := make(chan struct{})
			g.Upstream.Handle("/frames", func(w http.ResponseWriter, r *http.Request) {
				connection, buffered, ok := harness.AcceptWebSocket(w, r)
				if !ok {
					return
				}
				defer connection.Close()
				harness.EchoFrame(buffered)
				close(echoed)
				_, _ = buffered.ReadByte() // until the gate ends it
			})
			token := g.Token(harness.Session("in a stream"))
			answered := make(chan harness.Answer, 1)
			go func() {
				message := harness.Message{
					Fields: []harness.Field{
						{Name: ":method", Value: "CONNECT"},
						{Name: ":protocol", Value: "websocket"},
						{Name: ":scheme", Value: "https"},
						{Name: ":authority", Value: "gate.test"},
						{Name: ":path", Value: "/frames"},
						{Name: "authorization", Value: "Bearer " + token},
						{Name: "sec-websocket-version", Value: "13"},
					},
					Body: "\x81\x82\x00\x00\x00\x00hi", Open: true,
				}
				answer, err := g.Exchange(t, protocol, message)
				if err != nil {
					t.Errorf("the stream ended with %v", err)
				}
				answered <- answer
			}()
			select {
			case <-echoed:
			case answer := <-answered:
				t.Fatalf("answered %d %q before the upstream had it", answer.Status, answer.Body)
			case <-time.After(harness.StreamLimit):
				t.Fatal("the WebSocket does not reach the upstream")
			}
			answers.Invalidated.Check(t, harness.End(t, g, token))
			since := time.Now()
			answer := <-answered
			if took := time.Since(since); took > running.Limit {
				t.Errorf("cut after %v, want %v", took, running.Limit)
			}
			// Data of the upstream may still have been on its way to the gate.
			before, closed := strings.CutSuffix(answer.Body, "\x88\x02\x03\xf0")
			if answer.Status != 200 || !closed || before != "" && before != "\x81\x02hi" {
				t.Errorf("the client got %d %q, want a close frame, and before it a whole frame at the most", answer.Status, answer.Body)
			}
		})
	}
}
